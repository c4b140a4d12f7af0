/// Turns a spec into the host's physical memory. The kernel's image and the guests' memory get their place first (large
/// pages need room in one piece), then the host's kernel, then what KVM and the VMMs keep for each guest.
struct HostBuilder: Sendable {
  static let imageSize: UInt64 = 8 << 20
  /// Where the list head stands in its page of module data.
  static let vmListPlace: UInt64 = 0x2c0

  let spec: HostSpec
  let layout: RecipeLayout
  let shape: RecipeKVMShape
  var space: RecipeSpace
  var kernel: RecipeKernel
  /// Per CPU: its VXMON region.
  var vmxonRegions: [UInt64] = []
  var vcpuSlab: RecipeSlab
  var nodeSlab = RecipeSlab(objectSize: 576, slabFrames: 4)
  var slotSlab = RecipeSlab(objectSize: 320, slabFrames: 1)
  /// One address for the whole host: `vmx_vmexit`, and the bitmaps of nested virtualisation.
  var vmexit: UInt64 = 0
  var vmreadBitmap: UInt64 = 0
  var vmwriteBitmap: UInt64 = 0
  /// The list head of all VMs, in module space.
  var vmList: RecipeKernel.Mapping
  var images: [RecipeGuestImage] = []
  var backings: [RecipeBacking] = []
  /// Per guest: guest frames that map a shared frame.
  var merged: [Set<UInt64>] = []
  var guests: [BuiltGuest] = []
  var vcpuCount = 0
  /// Per CPU: physical addresses of the list nodes of the VMCSs loaded on it.
  var loadedLinks: [Int: [UInt64]] = [:]
  /// What was forged, in the recipe's order.
  var forgeries: [BuiltForgery] = []

  init(_ spec: HostSpec) throws(RecipeMistake) {
    self.spec = spec
    guard let known = RecipeLayout.catalogue[spec.layout],
      let shape = RecipeKVMShape.all.first(where: { $0.name == spec.shape })
    else { throw RecipeMistake(line: 0, text: "no layout '\(spec.layout)' or shape '\(spec.shape)'") }
    let layout = spec.unknownRevision.map { known.disguised(revision: $0) } ?? known
    self.layout = layout
    self.shape = shape
    vcpuSlab = RecipeSlab(objectSize: shape.size, slabFrames: 8)
    var space = RecipeSpace(name: "host", ram: HostBuilder.ram(of: spec), seed: spec.seed)
    for vcpu in spec.guests.flatMap(\.vcpus) {
      guard let vmcs = vcpu.vmcs else { continue }
      do { try space.take(vmcs >> 12, for: "vmcs") } catch { throw RecipeMistake(line: vcpu.line, text: error.text) }
    }
    // A poked frame belongs to the test, unless the recipe also says what stands there.
    for poke in spec.pokes {
      let end = (poke.address + UInt64(poke.bytes.count) + 0xfff) >> 12
      for frame in poke.address >> 12..<end where !space.isUsed(frame) { space.reserve(frame..<frame + 1) }
    }
    for target in spec.guests.flatMap(\.eptFloods).compactMap(\.target) { space.avoid(target) }
    let image = try space.allocate(HostBuilder.imageSize >> 12, alignment: 512) << 12
    (images, backings, merged) = try HostBuilder.placeGuests(spec, in: &space)
    kernel = try RecipeKernel(
      release: spec.release, nodeName: "host", isLA57: spec.isLA57, image: image, imageSize: HostBuilder.imageSize,
      largest: spec.directMapPage,
      cpus: spec.cpus, perCPUPages: 64, in: &space)
    vmList = try kernel.moduleAlloc(pages: 1, in: &space)
    self.space = space
  }

  mutating func build() throws(RecipeMistake) -> BuiltHost {
    try buildModule()
    for index in images.indices {
      do { try buildGuest(index) } catch {
        throw RecipeMistake(line: error.line == 0 ? images[index].spec.line : error.line, text: error.text)
      }
    }
    for guest in guests { kernel.tables.copyKernelHalf(to: guest.processTables, in: &space) }
    linkMachines()
    linkLoaded()
    try plantFakes()
    try plantForgeries()
    if spec.hasSecrets { hideSecrets() }
    for poke in spec.pokes { space.memory.write(poke.bytes, at: poke.address) }
    return finish()
  }

  /// RAM without holes, in frames.
  private static func ram(of spec: HostSpec) -> [Range<UInt64>] {
    var runs = spec.ram
    for hole in spec.holes {
      runs = runs.flatMap { run in
        guard run.overlaps(hole) else { return [run] }
        let below = run.lowerBound..<max(run.lowerBound, hole.lowerBound)
        return [below, min(run.upperBound, hole.upperBound)..<run.upperBound]
      }
    }
    return runs.filter { !$0.isEmpty }.map { $0.lowerBound >> 12..<$0.upperBound >> 12 }
  }

  /// What the VMX module keeps for the whole host.
  private mutating func buildModule() throws(RecipeMistake) {
    let text = try kernel.moduleAlloc(pages: 1, in: &space)
    let place: UInt64 = 0x3ae
    vmexit = text.virtual + place
    // vmlaunch, jmp, then vmx_vmexit itself (Documentation/vmcs.md §11).
    let code: [UInt8] = [0x0f, 0x01, 0xc2, 0xe9, 0x60, 0, 0, 0, 0x50, 0x48, 0x8b, 0x44, 0x24, 0x08, 0x8f, 0x00]
    space.memory.write(code, at: text.physical(place - 8))
    for _ in 0..<spec.cpus {
      let page = try space.allocatePage()
      space.memory.store(UInt64(layout.revision), at: page, width: 4)
      vmxonRegions.append(page)
    }
    vmreadBitmap = try bitmapPage(clear: 19)
    vmwriteBitmap = try bitmapPage(clear: 12)
  }

  /// A page of ones with a few bits cleared: MSR, VMREAD and VMWRITE bitmaps.
  mutating func bitmapPage(clear: UInt64) throws(RecipeMistake) -> UInt64 {
    let page = try space.allocatePage()
    var words = [UInt64](repeating: ~0, count: 512)
    for step in 0..<clear { words[Int(RecipeRandom.mix(step + clear) % 512)] ^= 1 << (step % 64) }
    space.memory.setWords(words, frame: page >> 12)
    return page
  }

  /// Chains all live VMs into `vm_list`, the youngest first.
  private mutating func linkMachines() {
    let head = vmList.virtual + HostBuilder.vmListPlace
    let live = guests.filter { !$0.isDead }.reversed()
    let nodes = [head] + live.map { $0.kvm.virtual + shape.kvm.list }
    let places = [vmList.physical(HostBuilder.vmListPlace)] + live.map { $0.kvm.physical(shape.kvm.list) }
    for (index, place) in places.enumerated() {
      space.memory.store(nodes[(index + 1) % nodes.count], at: place)
      space.memory.store(nodes[(index + nodes.count - 1) % nodes.count], at: place + 8)
    }
  }

  /// Chains the VMCSs that are loaded on a CPU into its `loaded_vmcss_on_cpu`, whose head stands in the per-CPU area.
  private mutating func linkLoaded() {
    for (cpu, links) in loadedLinks {
      let ring = [kernel.perCPU[cpu] + 0x34050] + links
      for (index, place) in ring.enumerated() {
        space.memory.store(kernel.virtual(ring[(index + 1) % ring.count]), at: place)
        space.memory.store(kernel.virtual(ring[(index + ring.count - 1) % ring.count]), at: place + 8)
      }
    }
  }

  private mutating func plantFakes() throws(RecipeMistake) {
    for (index, image) in images.enumerated() {
      for fake in image.spec.fakes {
        guard let frame = backings[index].frame(fake.gpa >> 12),
          let other = guests.first(where: { $0.name == fake.guest }),
          let vcpu = other.vcpus.first(where: { $0.vcpuID == fake.vcpu })
        else { throw RecipeMistake(line: fake.line, text: "fake: no such page, guest or vCPU") }
        space.memory.setWords(space.memory.words(vcpu.vmcs >> 12), frame: frame)
      }
    }
  }

  private func finish() -> BuiltHost {
    var dropped: [Range<UInt64>] = spec.filtered.map { $0.lowerBound >> 12..<$0.upperBound >> 12 }
    var user: [Range<UInt64>] = []
    for (index, image) in images.enumerated() {
      for run in backings[index].runs { user.append(run.frame..<run.frame + UInt64(run.gfn.count)) }
      var filtered: [UInt64] = []
      for (kind, range) in image.spec.ranges where kind == .filter {
        filtered += (range.lowerBound >> 12..<range.upperBound >> 12).compactMap { backings[index].frame($0) }
      }
      dropped += RecipeKdump.runs(filtered.sorted())
    }
    for guest in guests { user += guest.vcpus.compactMap { $0.tlsFrame.map { $0..<$0 + 1 } } }
    let finished = guests.map { guest in
      var guest = guest
      guest.memory = space.memory
      guest.dropped = dropped
      return guest
    }
    return BuiltHost(
      spec: spec, space: space, kernel: kernel, layout: layout, vmxonRegions: vmxonRegions,
      vmList: vmList.virtual + HostBuilder.vmListPlace, guests: finished,
      droppedRuns: dropped, userRuns: user, forgeries: forgeries)
  }
}

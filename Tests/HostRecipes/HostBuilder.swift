import HostModel

/// Turns a spec into the host's physical memory. The kernel's image and the guests' memory get their place first (large
/// pages need room in one piece), then the host's kernel, then what KVM and the VMMs keep for each guest.
package struct HostBuilder: Sendable {
  package let spec: HostSpec
  package var space: RecipeSpace
  package var kernel: BuiltKernel
  package var module: KVMModule
  /// Of a host that describes itself.
  package var tasks: KernelTasks?
  package var images: [RecipeGuestImage] = []
  package var backings: [RecipeBacking] = []
  /// Per guest: guest frames that map a shared frame.
  package var merged: [Set<UInt64>] = []
  package var guests: [BuiltGuest] = []
  /// What VMMs map, by their `mm_struct`, in the order of the guests.
  package var mappings: [(memory: UInt64, own: ProcessMappings)] = []
  /// What was forged, in the recipe's order.
  package var forgeries: [BuiltForgery] = []
  /// Of an AMD host: physical addresses, one a CPU.
  package var hostSaveAreas: [UInt64] = []

  package var layout: VMCSLayout { module.layout }
  package var shape: KVMShape { module.shape }

  package init(_ spec: HostSpec) throws(RecipeMistake) {
    self.spec = spec
    guard let known = VMCSLayout.catalogue[spec.layout],
      let shape = spec.kvmShape
    else { throw RecipeMistake(line: 0, text: "no layout '\(spec.layout)' or shape '\(spec.shape)'") }
    let layout = spec.unknownRevision.map { known.disguised(revision: $0) } ?? known
    var space = RecipeSpace(name: "host", ram: HostBuilder.ram(of: spec), seed: spec.seed)
    for vcpu in spec.guests.flatMap(\.vcpus) {
      guard let vmcs = vcpu.description.vmcs else { continue }
      do { try space.take(vmcs >> 12, for: "vmcs") } catch { throw RecipeMistake(line: vcpu.line, text: error.text) }
    }
    // A poked frame belongs to the test, unless the recipe also says what stands there.
    for poke in spec.pokes {
      let end = (poke.address + UInt64(poke.bytes.count) + 0xfff) >> 12
      for frame in poke.address >> 12..<end where !space.isUsed(frame) { space.reserve(frame..<frame + 1) }
    }
    for target in spec.guests.flatMap(\.eptFloods).compactMap(\.target) { space.avoid(target) }
    let image = try space.allocate(spec.kernel.imageSize >> 12, alignment: 512) << 12
    (images, backings, merged) = try HostBuilder.placeGuests(spec, in: &space)
    kernel = try BuiltKernel(spec.kernel, image: image, in: &space)
    module = try KVMModule(layout: layout, shape: shape, kernel: &kernel, in: &space)
    tasks = try KernelTasks(kernel: kernel, in: &space)
    tasks?.swap = KernelSwap(KernelShape.of(shape), codec: spec.zswap.codec, allocator: spec.zswap.allocator)
    self.space = space
  }

  package mutating func build() throws(RecipeMistake) -> BuiltHost {
    try module.load(kernel: &kernel, in: &space)
    for index in images.indices {
      do { try buildGuest(index) } catch {
        throw RecipeMistake(line: error.line == 0 ? images[index].spec.line : error.line, text: error.text)
      }
    }
    for (memory, own) in mappings { try tasks?.writeMappings(own, of: memory, kernel: kernel, in: &space) }
    try tasks?.finishSwap(kernel: kernel, in: &space)
    for guest in guests { kernel.tables.copyKernelHalf(to: guest.processTables, in: &space.memory) }
    module.link(machines: guests.filter { !$0.isDead }.map(\.kvm), in: &space.memory)
    module.linkLoaded(kernel: kernel, in: &space.memory)
    let ended = guests.filter(\.isDead).compactMap(\.vmm?.leader)
    tasks?.link(kernel: kernel, without: Set(ended), in: &space.memory)
    hostSaveAreas = try module.writeHostSaveAreas(guests.flatMap(\.vcpus), kernel: kernel, in: &space)
    try plantFakes()
    try plantInnerVMCBs()
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

  /// What a guest's own hypervisor keeps of its guest: addresses in it are the guest's.
  private mutating func plantInnerVMCBs() throws(RecipeMistake) {
    for (index, image) in images.enumerated() {
      guard let gpa = image.spec.inner else { continue }
      guard let frame = backings[index].frame(gpa >> 12),
        let guest = guests.first(where: { $0.name == image.spec.name }),
        let page = guest.vcpus.lazy.compactMap(\.nestedVMCB).first
      else { throw RecipeMistake(line: image.spec.line, text: "inner: no such page, or no vCPU that is nested") }
      var words = space.memory.words(page >> 12)
      words[0x40 / 8] = gpa + 0x2000
      words[0x48 / 8] = gpa + 0x3000
      words[0xb0 / 8] = gpa + 0x1000
      words[0x608 / 8] = 0xffff_ffff_8100_0040
      space.memory.setWords(words, frame: frame)
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
    user += guests.compactMap { $0.vmm?.argumentFrames }
    let finished = guests.map { guest in
      var guest = guest
      guest.memory = space.memory
      guest.dropped = dropped
      return guest
    }
    return BuiltHost(
      spec: spec, space: space, kernel: kernel, module: module, layout: layout, vmxonRegions: module.vmxonRegions,
      vmList: module.vmList, guests: finished, droppedRuns: dropped, userRuns: user,
      moduleStructures: module.structures, mappingStructures: tasks?.mappingStructures ?? [],
      swapStructures: tasks?.swap?.structures ?? [], forgeries: forgeries,
      hostSaveAreas: hostSaveAreas)
  }
}

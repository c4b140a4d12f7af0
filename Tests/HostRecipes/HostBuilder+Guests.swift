import HostModel

extension HostBuilder {
  /// Builds the guests' own memory and finds room for it in the host.
  package static func placeGuests(
    _ spec: HostSpec, in space: inout RecipeSpace
  ) throws(RecipeMistake) -> ([RecipeGuestImage], [RecipeBacking], [Set<UInt64>]) {
    var images: [RecipeGuestImage] = []
    var backings: [RecipeBacking] = []
    var merged: [Set<UInt64>] = []
    for (index, guest) in spec.guests.enumerated() {
      var guest = guest
      if guest.vcpus.isEmpty { guest.vcpus = [VCPUSpec(line: guest.line)] }
      guest.hasVMCoreInfoPointers = spec.hasSymbols || spec.hasTypes
      var shared: [UInt64] = []
      for share in spec.shares {
        if share.first == guest.name { shared.append(share.firstGPA >> 12) }
        if share.second == guest.name { shared.append(share.secondGPA >> 12) }
      }
      let image = try RecipeGuestImage(
        guest, seed: SplitMix64.mix(spec.seed &* 1000 + UInt64(index)), shared: shared,
        owner: spec.hasSecrets ? UInt64(index) : nil)
      images.append(image)
      backings.append(RecipeBacking())
      merged.append([])
    }
    let largestFirst = images.indices.sorted { images[$0].spec.backingPage > images[$1].spec.backingPage }
    for index in largestFirst {
      do { backings[index] = try backing(for: images[index], in: &space) } catch {
        throw RecipeMistake(line: images[index].spec.line, text: error.text)
      }
    }
    try share(spec.shares, &images, &backings, &merged)
    try shareZeros(images, &backings, &merged, in: &space)
    for (index, image) in images.enumerated() {
      for (gfn, words) in image.space.memory.pages {
        guard let frame = backings[index].frame(gfn) else { continue }
        space.memory.setWords(words, frame: frame)
      }
    }
    return (images, backings, merged)
  }

  private static func backing(
    for image: RecipeGuestImage, in space: inout RecipeSpace
  ) throws(RecipeMistake) -> RecipeBacking {
    var backing = RecipeBacking()
    let largest = image.spec.backingPage >> 12
    for run in image.space.ram {
      var gfn = run.lowerBound
      while gfn < run.upperBound {
        let folio = image.spec.folios.first { $0.range.contains(gfn << 12) }?.frames
        let sizes = folio.map { [$0] } ?? [1 << 18, 512].filter { $0 <= largest }
        let size = sizes.first {
          gfn % $0 == 0 && gfn + $0 <= run.upperBound && !image.lacksFrames(gfn..<gfn + $0)
        }
        if let size {
          backing.append(gfn..<gfn + size, at: try space.allocate(size, alignment: size))
          gfn += size
          continue
        }
        guard !image.lacksFrames(gfn..<gfn + 1) else {
          gfn += 1
          continue
        }
        var count = min(16 + space.random.below(112), 512 - gfn % 512)
        count = min(count, run.upperBound - gfn)
        // Folios are in one piece.
        for folio in image.spec.folios where folio.range.lowerBound >> 12 > gfn {
          count = min(count, folio.range.lowerBound >> 12 - gfn)
        }
        while image.lacksFrames(gfn..<gfn + count) { count = max(count / 2, 1) }
        backing.append(gfn..<gfn + count, at: try space.allocate(count))
        gfn += count
      }
    }
    return image.spec.isShuffled ? backing.shuffled(&space.random) : backing
  }

  private static func share(
    _ shares: [ShareSpec], _ images: inout [RecipeGuestImage], _ backings: inout [RecipeBacking],
    _ merged: inout [Set<UInt64>]
  ) throws(RecipeMistake) {
    for share in shares {
      let firstGFN = share.firstGPA >> 12
      let secondGFN = share.secondGPA >> 12
      guard let first = images.firstIndex(where: { $0.spec.name == share.first }),
        let second = images.firstIndex(where: { $0.spec.name == share.second }),
        let frame = backings[first].frame(firstGFN), backings[second].frame(secondGFN) != nil
      else { throw RecipeMistake(line: share.line, text: "share: no such guest or page") }
      // A page of its own content: never zero, so that it cannot be taken for a zero page.
      let content = [UInt64](repeating: SplitMix64.mix(frame), count: 512)
      images[first].space.memory.setWords(content, frame: firstGFN)
      images[second].space.memory.setWords(content, frame: secondGFN)
      backings[first].single[firstGFN] = frame
      backings[second].single[secondGFN] = frame
      merged[first].insert(firstGFN)
      merged[second].insert(secondGFN)
    }
  }

  /// All zero pages of a `zero-share` guest on the host's one zero page.
  private static func shareZeros(
    _ images: [RecipeGuestImage], _ backings: inout [RecipeBacking], _ merged: inout [Set<UInt64>],
    in space: inout RecipeSpace
  ) throws(RecipeMistake) {
    guard images.contains(where: { $0.spec.sharesZero }) else { return }
    let zero = try space.allocate()
    for (index, image) in images.enumerated() where image.spec.sharesZero {
      let fakes = Set(image.spec.fakes.map { $0.gpa >> 12 })
      for gfn in image.space.ram.joined() where image.space.memory.isZero(gfn) && !fakes.contains(gfn) {
        guard backings[index].frame(gfn) != nil else { continue }
        backings[index].single[gfn] = zero
        merged[index].insert(gfn)
      }
    }
  }

  /// EPT, the VMM's page tables, struct kvm and the vCPUs of one guest.
  package mutating func buildGuest(_ index: Int) throws(RecipeMistake) {
    let image = images[index]
    var ept = try EPTTables(
      levels: shape.isAMD ? kernel.tables.levels : image.spec.eptLevels, empty: shape.emptyEPT, isNPT: shape.isAMD,
      encryptionBit: kernel.tables.encryptionBit, in: &space)
    let process = try process(of: image.spec)
    var slots = try mapMemory(index, ept: &ept, process: process)
    for device in image.spec.devices + image.spec.strays {
      for page in 0..<UInt64(device.range.count) >> 12 {
        try ept.map(
          device.range.lowerBound + page << 12, to: (device.frame + page) << 12, leaf: .device, in: &space)
      }
    }
    for bend in image.spec.bends {
      let entry: UInt64
      if let from = bend.from {
        entry = ept.entry(from, level: 2, in: space.memory)
      } else {
        entry = ept.root | ept.link | ept.empty
      }
      try ept.setEntry(entry, gpa: bend.gpa, level: 2, in: &space)
    }
    for flood in image.spec.eptFloods { try ept.flood(flood, in: &space) }
    if !image.spec.devices.contains(where: { $0.range.contains(0xfec0_0000) }) {
      try ept.mapMMIO(0xfec0_0000, generation: 0x56, in: &space)
    }
    let kvm = try module.makeMachine(kernel: &kernel, in: &space)
    var guest = BuiltGuest(spec: image.spec, image: image, backing: backings[index])
    guest.kvm = kvm
    guest.processTables = process
    guest.eptPointer = ept.pointer
    guest.hostVirtual = slots.prefix(image.space.ram.count).map { ($0.gfn, $0.pages, $0.hva) }
    let apicAccess = try space.allocatePage()
    let shadow = try shadowTables(of: image, backings[index])
    let tscOffset = ~space.random.below(1 << 44)
    for (number, vcpu) in image.spec.vcpus.enumerated() {
      var machine = VMDescription(
        program: image.program, kvm: kvm, process: process, eptPointer: ept.pointer, apicAccess: apicAccess,
        tscOffset: tscOffset)
      machine.nestedControl |= image.spec.encryption
      machine.shadowPointer = shadow
      machine.nestedVMCB = image.spec.inner ?? 0
      do {
        guest.vcpus.append(
          try module.makeVCPU(vcpu.description, number: number, of: machine, kernel: &kernel, in: &space))
      } catch {
        throw RecipeMistake(line: vcpu.line, text: error.text)
      }
    }
    let pid = try owner(of: image.spec)?.vmm?.description.pid ?? UInt64(300 + index * 20)
    try addVMM(&guest, pid: pid, number: index)
    try addMappings(of: guest, slots)
    try addGuestFile(of: guest, &slots)
    guest.tables = try module.write(
      kvm, process: process, vcpus: guest.vcpus.map(\.vcpuAddress), slots: slots, pid: pid, vmm: guest.vmm,
      kernel: kernel, in: &space)
    if let clock = image.spec.clock {
      module.write(clock, of: kvm, vcpus: guest.vcpus.map(\.vcpuAddress), in: &space)
    }
    if spec.hasPTI { isolate(process) }
    if guest.isDead { try kill(guest) }
    guests.append(guest)
  }

  /// Tables by which the guest's own guest runs: some of its frames, at addresses of their own.
  /// - Returns: nested CR3; 0 where it has none.
  private mutating func shadowTables(
    of image: RecipeGuestImage, _ backing: RecipeBacking
  ) throws(RecipeMistake) -> UInt64 {
    guard image.spec.inner != nil else { return 0 }
    let tables = try EPTTables(
      levels: kernel.tables.levels, empty: shape.emptyEPT, isNPT: true, encryptionBit: kernel.tables.encryptionBit,
      in: &space)
    let frames = image.space.ram.joined().compactMap { backing.frame($0) }.prefix(64)
    for (page, frame) in frames.enumerated() { try tables.map(UInt64(page) << 12, to: frame << 12, in: &space) }
    return tables.pointer
  }

  private mutating func process(of guest: GuestSpec) throws(RecipeMistake) -> PageTables {
    if let owner = try owner(of: guest) { return owner.processTables }
    let root = try space.allocate(spec.hasPTI ? 2 : 1, alignment: spec.hasPTI ? 2 : 1) << 12
    return PageTables(root: root, levels: kernel.tables.levels, encryptionBit: kernel.tables.encryptionBit)
  }

  /// The guest whose VMM runs this one, too.
  private func owner(of guest: GuestSpec) throws(RecipeMistake) -> BuiltGuest? {
    guard let name = guest.process.owner else { return nil }
    guard let owner = guests.first(where: { $0.name == name }) else {
      throw RecipeMistake(line: guest.line, text: "of: no guest '\(name)' before it")
    }
    return owner
  }

  /// The process of a guest's VMM, where the host's kernel describes itself.
  private mutating func addVMM(
    _ guest: inout BuiltGuest, pid: UInt64, number: Int
  ) throws(RecipeMistake) {
    guard tasks != nil else { return }
    let own = guest.spec.process
    var process = KVMModule.vmm(
      own.program, name: own.isUnnamed ? nil : own.name ?? Array(guest.name.utf8), pid: pid, vcpus: guest.vcpus,
      kvm: guest.kvm, module: module, kernel: kernel)
    own.describe(&process)
    var threads: [UInt64] = []
    if let shared = try owner(of: guest.spec)?.vmm {
      for index in process.threads.indices { process.threads[index].pid += UInt64(number) * 20 }
      guest.vmm = shared
      threads = try tasks?.extend(shared, by: process, kernel: kernel, in: &space) ?? []
    } else {
      guest.vmm = try tasks?.add(process, root: guest.processTables.root, kernel: kernel, in: &space)
      threads = guest.vmm?.threads ?? []
    }
    for (vcpu, thread) in zip(guest.vcpus, threads) {
      try module.writeEvidence(
        of: vcpu, thread: thread, eptPointer: guest.eptPointer, kernel: kernel, in: &space)
    }
  }

  /// Maps the guest's frames, in EPT by guest address and in the VMM's tables by host address.
  private mutating func mapMemory(
    _ index: Int, ept: inout EPTTables, process: PageTables
  ) throws(RecipeMistake) -> [KVMMemslots.Slot] {
    let image = images[index]
    let backing = backings[index]
    var slots: [KVMMemslots.Slot] = []
    // Each guest of a VMM has a place of its own there.
    let place: UInt64 = image.spec.process.owner == nil ? 0x7f00_0000_0000 : 0x7000_0000_0000 + UInt64(index) << 40
    var hva: UInt64 = place + space.random.below(0x40) << 30
    for (number, run) in image.space.ram.enumerated() {
      let start = run.lowerBound << 12
      // Aligned like the guest address, so that large pages fit both.
      hva = (hva + 0x3fff_ffff) & ~0x3fff_ffff | start & 0x3fff_ffff
      let delta = hva &- start
      var gfn = run.lowerBound
      while gfn < run.upperBound {
        let address = gfn << 12
        let size = ([1 << 18, 512] as [UInt64]).first {
          gfn + $0 <= run.upperBound && backing.block(gfn, count: $0) != nil && !image.isSpecial(gfn..<gfn + $0)
        }
        if let size, let frame = backing.block(gfn, count: size), image.spec.backingPage > 4096 {
          try ept.map(address, to: frame << 12, size: size << 12, in: &space)
          try process.map(
            address &+ delta, to: frame << 12, size: size << 12, flags: PageTables.Flags.userData, in: &space)
          gfn += size
          continue
        }
        if image.has(gfn, .protectionMarker), let marker = ProcessEntry.types(of: shape).marker {
          try process.setEntry(ProcessEntry.swap(type: marker, offset: 1), for: address &+ delta, in: &space)
        } else if image.has(gfn, .private) {
          if let frame = backing.frame(gfn), !image.has(gfn, .cached) {
            try ept.map(address, to: frame << 12, in: &space)
          }
          if gfn % 4 < 3 {
            try process.map(
              address &+ delta, to: try oldPage() << 12, flags: PageTables.Flags.userData, in: &space)
          }
        } else if image.has(gfn, .cached) {
          // The file alone has it.
        } else if let frame = backing.frame(gfn) {
          let leaf: EPTBits.Leaf = merged[index].contains(gfn) ? .readOnly : .memory
          if !image.has(gfn, .hvaOnly, .protNone, .migrating, .swapCached) {
            try ept.map(address, to: frame << 12, leaf: leaf, in: &space)
          }
          if image.has(gfn, .protNone) {
            try process.setEntry(ProcessEntry.protectionNone(frame), for: address &+ delta, in: &space)
          } else if image.has(gfn, .swapCached) {
            try process.setEntry(swapEntry(gfn, of: index), for: address &+ delta, in: &space)
            try swapToCache(gfn, of: index)
          } else if image.has(gfn, .migrating) {
            let type = ProcessEntry.types(of: shape).migration
            try process.setEntry(ProcessEntry.swap(type: type, offset: frame), for: address &+ delta, in: &space)
          } else {
            try process.map(
              address &+ delta, to: frame << 12, flags: PageTables.Flags.userData, in: &space)
          }
        } else if image.has(gfn, .zeroPage) {
          let place = kernel.image + BuiltKernel.DataPlace.zeroPage
          try process.map(address &+ delta, to: place, flags: PageTables.Flags.userData & ~2, in: &space)
        } else if image.has(gfn, .zswapped, .swapReading, .swapZero) {
          try process.setEntry(swapEntry(gfn, of: index), for: address &+ delta, in: &space)
          try swapOut(gfn, of: index)
        } else if let entry = entry(of: gfn, image) {
          try process.setEntry(entry, for: address &+ delta, in: &space)
        }
        gfn += 1
      }
      slots.append(
        KVMMemslots.Slot(gfn: run.lowerBound, pages: UInt64(run.count), hva: hva, id: UInt16(number)))
      hva += UInt64(run.count) << 12 + 1 << 30
    }
    // The VMM maps a device's memory, which VFIO gives it, and has a slot for it.
    for device in image.spec.devices {
      hva = (hva + 0x3fff_ffff) & ~0x3fff_ffff
      let pages = UInt64(device.range.count) >> 12
      for page in 0..<pages {
        try process.map(
          hva + page << 12, to: (device.frame + page) << 12, flags: PageTables.Flags.userData, in: &space)
      }
      let id = UInt16(slots.count)
      slots.append(KVMMemslots.Slot(gfn: device.range.lowerBound >> 12, pages: pages, hva: hva, id: id))
      hva += pages << 12
    }
    for range in image.spec.unseenDevices {
      let pages = UInt64(range.count) >> 12
      slots.append(KVMMemslots.Slot(gfn: range.lowerBound >> 12, pages: pages, hva: hva, id: UInt16(slots.count)))
      hva += (pages + 1) << 12
    }
    return slots
  }

  /// What stands in the VMM's page tables for a page that is not in memory.
  private func entry(of gfn: UInt64, _ image: RecipeGuestImage) -> UInt64? {
    let types = ProcessEntry.types(of: shape)
    if image.has(gfn, .swapped) { return ProcessEntry.swap(type: 0, offset: gfn) }
    if image.has(gfn, .hwpoison) { return ProcessEntry.swap(type: types.hwpoison, offset: gfn) }
    if image.has(gfn, .devicePrivate) { return ProcessEntry.swap(type: types.device, offset: gfn) }
    if image.has(gfn, .poisonMarker) { return types.marker.map { ProcessEntry.swap(type: $0, offset: 2) } }
    return nil
  }

  /// What a SIGKILL leaves: regions and `vcpu_vmx` without their VM, unmapped `struct kvm` and stacks, an EPT root of
  /// zeros, no user memory. Source: Documentation/vmcs.md §9.
  private mutating func kill(_ guest: BuiltGuest) throws(RecipeMistake) {
    for vcpu in guest.vcpus { try module.free(vcpu, kernel: kernel, in: &space) }
    module.unlink(guest.kvm, in: &space.memory)
    try kernel.unmap(guest.kvm, in: &space)
    space.memory.setWords(nil, frame: (guest.eptPointer & kernel.tables.frameMask) >> 12)
    for place in 0..<256 as Range<UInt64> { space.memory.store(0, at: guest.processTables.root + place * 8) }
  }

  /// PTI: the kernel's half of the pair marks user memory no-execute at the top; the user's half, 4 KiB further on, has
  /// nothing of the kernel but cpu_entry_area.
  private mutating func isolate(_ process: PageTables) {
    let entryArea = BuiltKernel.entryArea >> (12 + 9 * UInt64(process.levels - 1)) & 0x1ff
    let trampoline = space.memory.load(kernel.tables.root + entryArea * 8)
    for place in 0..<256 as Range<UInt64> {
      let entry = space.memory.load(process.root + place * 8)
      guard entry != 0 else { continue }
      space.memory.store(entry, at: process.root + 0x1000 + place * 8)
      space.memory.store(entry | 1 << 63, at: process.root + place * 8)
    }
    space.memory.store(trampoline, at: process.root + 0x1000 + entryArea * 8)
  }
}

extension RecipeGuestImage {
  /// Whether some of these frames have no page in the host.
  package func lacksFrames(_ frames: Range<UInt64>) -> Bool {
    overlaps(frames) { GuestRange.withoutFrame.contains($0) }
  }

  /// Whether some of these frames are mapped in an unusual way, so that a large page cannot be.
  package func isSpecial(_ frames: Range<UInt64>) -> Bool { overlaps(frames) { $0 != .filter && $0 != .zero } }

  private func overlaps(_ frames: Range<UInt64>, _ wanted: (GuestRange) -> Bool) -> Bool {
    let bytes = frames.lowerBound << 12..<frames.upperBound << 12
    return spec.ranges.contains { wanted($0.kind) && $0.range.overlaps(bytes) }
  }
}

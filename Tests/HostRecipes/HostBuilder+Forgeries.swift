import HostModel

/// A region that nobody runs, as it was put into the host's memory.
package struct BuiltForgery: Sendable {
  /// Physical address of the region.
  package let region: UInt64
  /// Physical address of the `vcpu_vmx` that goes with it, if one does.
  package let vcpu: UInt64?
}

/// Where a forged kernel has things.
private enum ForgedKernel {
  static let directMap: UInt64 = 0xffff_9780_0000_0000
  static let vmalloc: UInt64 = 0xffff_c700_0000_0000
}

/// What an attacker can write who knows every address of the host: regions with any field, tables that map anything,
/// and around them structures that look like KVM's. Only what the kernel writes cannot be had.
extension HostBuilder {
  /// Frames of a forgery, from its first.
  private enum Place {
    static let vcpu: UInt64 = 1
    static let kvm: UInt64 = 5
    static let node: UInt64 = 16
    static let list: UInt64 = 17
    static let processTable: UInt64 = 18
    static let apic: UInt64 = 19
    static let ept: UInt64 = 20
    static let kernel: UInt64 = 24
  }

  package mutating func plantForgeries() throws(RecipeMistake) {
    for (index, image) in images.enumerated() {
      for forgery in image.spec.forgeries {
        guard let gpa = forgery.gpa, let first = backings[index].frame(gpa >> 12),
          (0..<ForgerySpec.frames).allSatisfy({ backings[index].frame(gpa >> 12 + $0) == first + $0 })
        else { throw RecipeMistake(line: forgery.line, text: "forge: the guest's frames are not in one piece there") }
        try plant(forgery, at: first << 12)
      }
      try flood(image, backings[index])
    }
    for forgery in spec.forgeries { try plant(forgery, at: try space.allocate(ForgerySpec.frames) << 12) }
  }

  /// Free frames of the host, one in eight, that say that they are the host's.
  package mutating func hideSecrets() {
    for frame in space.ram.joined() where frame % 8 == 0 && frame >= 256 && !space.isUsed(frame) {
      RecipeSecret.write(owner: RecipeSecret.host, frame: frame, to: &space.memory)
    }
  }

  private func vcpu(_ name: String, _ number: Int, line: Int) throws(RecipeMistake) -> (BuiltGuest, BuiltVCPU) {
    guard let guest = guests.first(where: { $0.name == name }),
      let vcpu = guest.vcpus.first(where: { $0.vcpuID == number })
    else { throw RecipeMistake(line: line, text: "no guest '\(name)' with vCPU \(number)") }
    return (guest, vcpu)
  }

  private mutating func flood(_ image: RecipeGuestImage, _ backing: RecipeBacking) throws(RecipeMistake) {
    var words: [UInt64]?
    switch image.spec.flood {
    case nil: return
    case .heads: words = nil
    case .copies(let line, let guest, let number):
      words = space.memory.words(try vcpu(guest, number, line: line).1.vmcs >> 12)
    }
    for gfn in image.space.ram.joined() where !image.space.isUsed(gfn) {
      guard let frame = backing.frame(gfn) else { continue }
      if let words {
        space.memory.setWords(words, frame: frame)
      } else if shape.isAMD {
        // The intercepts of a true VMCB.
        space.memory.store(0x00ff_00ff_0010_0010, at: frame << 12)
        space.memory.store(0xbd4c_8027_0006_0042, at: frame << 12 + 8)
      } else {
        space.memory.store(UInt64(layout.revision), at: frame << 12)
      }
    }
  }

  private mutating func plant(_ forgery: ForgerySpec, at base: UInt64) throws(RecipeMistake) {
    let (guest, vcpu) = try vcpu(forgery.guest, forgery.vcpu, line: forgery.line)
    if shape.isAMD { return try plantVMCB(forgery, guest, vcpu, at: base) }
    var fields = vcpu.fields
    if let pointer = try tables(forgery, at: base + Place.ept << 12) { fields["EPT_POINTER"] = pointer }
    let place = base + Place.vcpu << 12
    if forgery.machine != .none {
      fields["VM_ENTRY_MSR_LOAD_ADDR"] = place + shape.autoload
      fields["VM_EXIT_MSR_LOAD_ADDR"] = place + shape.autoload + shape.exitGap
      copyFrame((fields["HOST_CR3"] ?? 0) >> 12, to: base >> 12 + Place.processTable)
      fields["HOST_CR3"] = base + Place.processTable << 12 | (fields["HOST_CR3"] ?? 0) & 0xfff
      copyFrame((fields["VIRTUAL_APIC_PAGE_ADDR"] ?? 0) >> 12, to: base >> 12 + Place.apic)
      fields["VIRTUAL_APIC_PAGE_ADDR"] = base + Place.apic << 12
    }
    let virtual = forgery.machine == .kernel ? ForgedKernel.directMap : kernel.directMap
    if forgery.machine == .kernel { fields["HOST_RSP"] = 0 }
    if forgery.isInRegisters {
      let place = vcpu.vcpuAddress + shape.registers + 40
      // So near behind the place that a search before the area meets it.
      fields["VM_ENTRY_MSR_LOAD_ADDR"] = (place + 64) & ~15
      setRegisters(of: vcpu, region: base, list: base + Place.list << 12, at: place)
    }
    fields.merge(forgery.fields) { $1 }
    let own = forgery.layout.flatMap { VMCSLayout.catalogue[$0] } ?? layout
    space.memory.setWords(own.region(fields), frame: base >> 12)
    if forgery.machine != .none {
      copyVCPU(
        vcpu, to: place, region: base, list: base + Place.list << 12, hostCR3: fields["HOST_CR3"] ?? 0, virtual)
      if forgery.machine == .own {
        copyMachine(guest, vcpu: place, at: base, virtual + base + Place.kvm << 12, virtual)
      }
      if forgery.machine == .kernel {
        copyMachine(guest, vcpu: place, at: base, ForgedKernel.vmalloc, virtual)
        writeKernel(root: base + Place.processTable << 12, at: base + Place.kernel << 12, kvm: base + Place.kvm << 12)
      }
    }
    forgeries.append(BuiltForgery(region: base, vcpu: forgery.machine == .none ? nil : place))
  }

  /// The same for an AMD host, whose regions have no host state to forge.
  private mutating func plantVMCB(
    _ forgery: ForgerySpec, _ guest: BuiltGuest, _ vcpu: BuiltVCPU, at base: UInt64
  ) throws(RecipeMistake) {
    var words = space.memory.words(vcpu.vmcs >> 12)
    if let pointer = try tables(forgery, at: base + Place.ept << 12) { words[0xb0 / 8] = pointer }
    space.memory.setWords(words, frame: base >> 12)
    let place = base + Place.vcpu << 12
    let info = place + shape.vmcbPair
    let region = base | kernel.tables.encryptionBit
    if forgery.isInRegisters {
      // RBP and those behind it as `vmcb`, `vmcb01` and `current_vmcb`.
      let registers = vcpu.vcpuAddress + shape.registers + 40
      let values = [
        kernel.virtual(base), kernel.virtual(base), region, 0, 1, kernel.virtual(registers + 8),
      ]
      setRegisters(of: vcpu, values, at: registers)
    }
    if forgery.machine != .none {
      copyObject(of: vcpu, to: place)
      var names: [(UInt64, UInt64)] = [
        (place + shape.vmcb, kernel.virtual(base)), (info, kernel.virtual(base)), (info + 8, region),
      ]
      if shape.hasVMCB01 { names.append((place + shape.currentVMCB, kernel.virtual(info))) }
      for (address, value) in names { space.memory.store(value, at: address) }
      if forgery.machine != .genuine {
        copyMachine(guest, vcpu: place, at: base, kernel.virtual(base + Place.kvm << 12), kernel.directMap)
      }
    }
    forgeries.append(BuiltForgery(region: base, vcpu: forgery.machine == .none ? nil : place))
  }

  private mutating func copyObject(of vcpu: BuiltVCPU, to place: UInt64) {
    for offset in stride(from: 0, to: shape.size, by: 8) {
      space.memory.store(space.memory.load(vcpu.vcpuAddress + offset), at: place + offset)
    }
  }

  private mutating func copyFrame(_ from: UInt64, to frame: UInt64) {
    space.memory.setWords(space.memory.words(from), frame: frame)
  }

  /// RBP, RSI, RDI and R8 to R15 as a `loaded_vmcs` of the region: shadow NULL, CPU 0, a list of two, the MSR bitmap,
  /// the pointer to the one in use, the host's CR3, CR4, GS and FS.
  private mutating func setRegisters(of vcpu: BuiltVCPU, region: UInt64, list: UInt64, at place: UInt64) {
    let link = kernel.virtual(place + 24)
    let host = ["HOST_CR3", "HOST_CR4", "HOST_GS_BASE", "HOST_FS_BASE"].map { vcpu.fields[$0] ?? 0 }
    let values =
      [kernel.virtual(region), 0, 0, kernel.virtual(list), kernel.virtual(list)]
      + [kernel.virtual(vcpu.fields["MSR_BITMAP"] ?? 0), kernel.virtual(place)] + host
    space.memory.store(link, at: list)
    space.memory.store(link, at: list + 8)
    setRegisters(of: vcpu, values, at: place)
  }

  /// RBP, RSI, RDI and R8 to R15, as many as there are values, in the vCPU and in what must come out.
  private mutating func setRegisters(of vcpu: BuiltVCPU, _ values: [UInt64], at place: UInt64) {
    let names = ["rbp", "rsi", "rdi"] + (8...15).map { "r\($0)" }
    for guest in guests.indices {
      for index in guests[guest].vcpus.indices where guests[guest].vcpus[index].vmcs == vcpu.vmcs {
        for (name, value) in zip(names, values) { guests[guest].vcpus[index].registers[name] = value }
      }
    }
    for (slot, value) in values.enumerated() { space.memory.store(value, at: place + UInt64(slot) * 8) }
  }

  /// The true `vcpu_vmx`, with each pointer to itself and to its region turned to the copy.
  private mutating func copyVCPU(
    _ vcpu: BuiltVCPU, to place: UInt64, region: UInt64, list: UInt64, hostCR3: UInt64, _ virtual: UInt64
  ) {
    copyObject(of: vcpu, to: place)
    let loaded = place + shape.vmcs01
    let link = loaded + shape.loaded.link
    let words: [(UInt64, UInt64)] = [
      (loaded, virtual + region), (place + shape.loadedVMCS, virtual + loaded),
      (loaded + shape.loaded.hostState, hostCR3),
      // A list of two: what is no head of a CPU's list.
      (link, virtual + list), (link + 8, virtual + list), (list, virtual + link), (list + 8, virtual + link),
    ]
    for (address, value) in words { space.memory.store(value, at: address) }
  }

  /// A `struct kvm` that has the forged vCPU; its `vm_list` names the true one's neighbours. `address` is its own,
  /// `virtual` the direct map's base.
  private mutating func copyMachine(
    _ guest: BuiltGuest, vcpu: UInt64, at base: UInt64, _ address: UInt64, _ virtual: UInt64
  ) {
    let kvm = base + Place.kvm << 12
    for (page, frame) in guest.kvm.frames.enumerated() { copyFrame(frame, to: kvm >> 12 + UInt64(page)) }
    let form = shape.kvm
    if form.isXArray {
      let node = base + Place.node << 12
      space.memory.store(1 << 16, at: node)
      space.memory.store(address + form.vcpus, at: node + 16)
      space.memory.store(virtual + vcpu, at: node + 40)
      space.memory.store((virtual + node) | 2, at: kvm + form.vcpus + 8)
    } else {
      for place in guest.vcpus.indices { space.memory.store(0, at: kvm + form.vcpus + UInt64(place) * 8) }
      space.memory.store(virtual + vcpu, at: kvm + form.vcpus)
    }
    space.memory.store(1, at: kvm + form.online, width: 4)
    space.memory.store(address, at: vcpu)
  }

  /// Page tables of a kernel that never was, in eight pages from `base` on: an image with a list head, a direct map of
  /// the first 512 GiB, and the forged `struct kvm` in vmalloc space, linked to that head.
  private mutating func writeKernel(root: UInt64, at base: UInt64, kvm: UInt64) {
    let page = { (number: UInt64) in base + number << 12 }
    let table = { (number: UInt64) in base + number << 12 | PageTables.Flags.kernelTable }
    let data = PageTables.Flags.kernelData
    for place in 256..<512 as Range<UInt64> { space.memory.store(0, at: root + place * 8) }
    let top = { (address: UInt64) in root + (address >> 39 & 0x1ff) * 8 }
    let head = BuiltKernel.textBase + 0x2c0
    let node = ForgedKernel.vmalloc + shape.kvm.list
    var words: [(UInt64, UInt64)] = [
      (top(BuiltKernel.textBase), table(0)), (page(0) + 510 * 8, table(1)), (page(1), table(2)),
      (page(2), page(3) | data), (page(3) + 0x2c0, node), (page(3) + 0x2c8, node),
      (top(ForgedKernel.directMap), table(4)), (top(ForgedKernel.vmalloc), table(5)), (page(5), table(6)),
      (page(6), table(7)), (kvm + shape.kvm.list, head), (kvm + shape.kvm.list + 8, head),
    ]
    for place in 0..<512 as Range<UInt64> { words.append((page(4) + place * 8, place << 30 | data | 0x80)) }
    for number in 0..<UInt64(shape.kvmPages) { words.append((page(7) + number * 8, kvm + number << 12 | data)) }
    for (address, value) in words { space.memory.store(value, at: address) }
  }

  /// The forged EPT, its tables one page after another from `base` on.
  /// - Returns: `nil` when the true one is named.
  private mutating func tables(_ forgery: ForgerySpec, at base: UInt64) throws(RecipeMistake) -> UInt64? {
    let isNPT = shape.isAMD
    let bit = kernel.tables.encryptionBit
    let table = { (number: UInt64) in base + number << 12 | (isNPT ? NPTBits.table | bit : EPTBits.table) }
    let leaf = isNPT ? NPTBits.memory | bit : EPTBits.Leaf.memory.rawValue
    func put(_ entry: UInt64, _ number: UInt64, _ place: UInt64, _ memory: inout SparseMemory) {
      memory.store(entry, at: base + number << 12 + place * 8)
    }
    switch forgery.map {
    case .copied: return nil
    case .host:
      put(table(1), 0, 0, &space.memory)
      for place in 0..<512 as Range<UInt64> { put(leaf | EPTBits.large | place << 30, 1, place, &space.memory) }
    case .guest(let name):
      for number in 0..<3 as Range<UInt64> { put(table(number + 1), number, 0, &space.memory) }
      let (victim, vcpu) = try vcpu(name, 0, line: forgery.line)
      var frames = [vcpu.vmcs >> 12, (victim.eptPointer & kernel.tables.frameMask) >> 12]
      frames += (0...(shape.size >> 12)).map { vcpu.vcpuAddress >> 12 + $0 } + [victim.processTables.root >> 12]
      frames += victim.kvm.frames + victim.ranges.joined().prefix(480).compactMap { victim.backing.frame($0) }
      for (place, frame) in frames.prefix(512).enumerated() {
        put(leaf | frame << 12, 3, UInt64(place), &space.memory)
      }
    case .loop:
      for number in 0..<3 as Range<UInt64> {
        put(table(number + 1), number, 0, &space.memory)
        for back in 0...number { put(table(back), number, 1 + back, &space.memory) }
      }
      put(leaf | base, 3, 0, &space.memory)
    case .shared:
      for place in 0..<512 as Range<UInt64> {
        for number in 0..<3 as Range<UInt64> { put(table(number + 1), number, place, &space.memory) }
        put(leaf | place << 12, 3, place, &space.memory)
      }
    }
    return isNPT ? base | bit : EPTBits.pointer(root: base, levels: 4)
  }
}

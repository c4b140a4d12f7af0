/// Lets the vCPUs of a host agree on the places in `arch`.
struct ArchVote {
  let kernel: LinuxKernel
  let objects: [VCPUObject]
  let shape: VCPUShape

  func run() -> ArchShape? {
    let isAMD = objects.contains { $0.own.vendor == .amd }
    guard var arch = isAMD ? savedPlace() : regsPlace().map({ ArchShape(regs: $0) }) else { return nil }
    let regs = arch.regs
    arch.efer = eferPlace(regs)
    if let (apic, lapicRegs) = apicPlace(regs) {
      arch.apicBase = apic - 8
      arch.apic = apic
      arch.lapicRegs = lapicRegs
    }
    if identityHolds() { arch.vcpuID = 36 }
    // The distances of 6.1 and 6.12, of a kernel with modules and of one without (Documentation/kvm.md §1), and of
    // their releases before `host_debugctl` came to stand between `efer` and `apic_base` (6.13.6 and 6.12's of March
    // 2025, 6.1's of August 2025; commit fb71c7959356).
    let isKnown =
      VCPUShape.guesses.contains(shape.startToPointer) && regs == 296 && (arch.apic == 248 || arch.apic == 240)
      && arch.efer == 224 && shape.pointerToLoaded == 160
    // There the place is 24 bytes before the pointer; of other objects nothing is known. Documentation/kvm.md §6.
    if isKnown { arch.kernelGSBase = shape.startToPointer - 24 }
    arch.mpState = mpStatePlace(arch, isKnown: isKnown)
    return arch
  }

  /// `arch.regs` by the masks: what the guest owns of CR0 and, 32 bytes on, of CR4 is what the VMCS does not mask.
  private func regsPlace() -> UInt64? {
    var votes: [UInt64: Int] = [:]
    for object in objects {
      guard let cr0 = object.own.cr0Mask.map({ ~$0 }), let cr4 = object.own.cr4Mask.map({ ~$0 }), cr0 | cr4 != 0
      else { continue }
      for place in stride(from: ArchShape.anchor, to: shape.startToPointer, by: 8)
      where object.bytes.u64(object.start + place) == cr0 && object.bytes.u64(object.start + place + 32) == cr4 {
        votes[place - ArchShape.anchor, default: 0] += 1
      }
    }
    return Self.single(votes)
  }

  /// `arch.regs` by what KVM copies from the VMCB at each exit: RAX and RSP, and RIP, which may since have moved on by an
  /// instruction, of 15 bytes at most; and by the words behind them, in the two forms that there have been.
  private func savedPlace() -> ArchShape? {
    var votes: [UInt64: Int] = [:]
    for object in objects {
      guard let saved = object.active?.saved, let rsp = object.active?.guestRSP, rsp | saved.rip != 0 else { continue }
      for place in stride(from: 0, to: shape.startToPointer, by: 8) {
        let regs = object.start + place
        guard object.bytes.u64(regs) == saved.rax, object.bytes.u64(regs + 4 * 8) == rsp,
          let rip = object.bytes.u64(regs + 128), rip &- saved.rip <= 15
        else { continue }
        for (form, arch) in Self.forms(regs: place).enumerated() where holds(arch, object) {
          votes[place << 1 | UInt64(form), default: 0] += 1
        }
      }
    }
    return Self.single(votes).map { Self.forms(regs: $0 >> 1)[Int($0 & 1)] }
  }

  /// Up to 7.1, and since 7.2, where the words of bits are as long as the registers.
  private static func forms(regs: UInt64) -> [ArchShape] {
    var new = ArchShape(regs: regs)
    new.wordSize = 8
    new.dirty += 4
    new.cr0 += 8
    new.cr2 += 8
    new.cr3 += 8
    return [ArchShape(regs: regs), new]
  }

  private func holds(_ arch: ArchShape, _ object: VCPUObject) -> Bool {
    // CR0.ET, which is always 1.
    guard let cr0 = object.bytes.u64(object.start + arch.regs + arch.cr0), cr0 >> 32 == 0, cr0 & 0x10 != 0,
      let active = object.active
    else { return false }
    return KVMRegisters(in: object.bytes, start: object.start, arch, region: active) != nil
  }

  /// `efer`: known bits only, and LMA as the entry controls have it, on every vCPU; one with LMA must be among them.
  private func eferPlace(_ regs: UInt64) -> UInt64? {
    let places = stride(from: ArchShape.reach.lowerBound, to: ArchShape.reach.upperBound, by: 8).filter { place in
      var long = 0
      for object in objects {
        guard let active = object.active else { continue }
        guard let value = object.bytes.u64(object.start + regs + place), value & ~ArchShape.eferBits == 0,
          let isLong = active.isLongMode, (value >> 10 & 1 == 1) == isLong
        else { return false }
        if isLong { long += 1 }
      }
      return long > 0
    }
    return places.count == 1 ? places[0] : nil
  }

  /// Of a `kvm_lapic` whose place in `arch` is known, where its `regs` stand.
  func lapicRegs(_ regs: UInt64, apic place: UInt64) -> UInt64? {
    var votes: [UInt64: Int] = [:]
    for object in objects {
      if let inner = lapicRegs(of: object, at: regs + place) { votes[inner, default: 0] += 1 }
    }
    return Self.single(votes)
  }

  /// `apic`: a pointer to an object that names the vCPU and holds the virtual-APIC page's direct-map address.
  private func apicPlace(_ regs: UInt64) -> (apic: UInt64, lapicRegs: UInt64)? {
    var votes: [UInt64: Int] = [:]
    for object in objects {
      for place in stride(from: ArchShape.reach.lowerBound, to: ArchShape.reach.upperBound, by: 8) {
        guard let inner = lapicRegs(of: object, at: regs + place) else { continue }
        votes[place << 16 | inner, default: 0] += 1
      }
    }
    return Self.single(votes).map { ($0 >> 16, $0 & 0xffff) }
  }

  /// - Parameter place: of the pointer, from the start of the vCPU's object.
  private func lapicRegs(of object: VCPUObject, at place: UInt64) -> UInt64? {
    guard let pointer = object.bytes.u64(object.start &+ place), kernel.isPointer(pointer),
      object.own.vendor == .amd || object.own.virtualAPIC ?? 0 != 0,
      let lapic = kernel.physical(ofDirectMap: pointer)
    else { return nil }
    let bytes = PhysicalBytes(kernel.memory, from: lapic.rawValue, count: ArchShape.lapicSize)
    let offsets = stride(from: UInt64(0), to: ArchShape.lapicSize, by: 8)
    guard let own = offsets.first(where: { bytes.u64(lapic.rawValue + $0) == object.evidence.vcpu.rawValue }) else {
      return nil
    }
    if let page = object.own.virtualAPIC {
      let value = kernel.directMapped(HPA(rawValue: page))
      return offsets.first { bytes.u64(lapic.rawValue + $0) == value }
    }
    // `regs` follows `vcpu` in all kernels; farther on the next object of the slab can have its own.
    return offsets.first { $0 > own && bytes.u64(lapic.rawValue + $0).map(isAPICPage) ?? false }
  }

  /// Whether a page holds the registers of a local APIC, by its version as KVM sets it. Source: arch/x86/kvm/lapic.c,
  /// APIC_VERSION and KVM_APIC_LVT_NUM.
  private func isAPICPage(_ value: UInt64) -> Bool {
    guard let place = kernel.page(named: value), let page = kernel.memory.page(place.frame).page else { return false }
    let version = page.u32(0x30)
    return version & 0xff00_ffff == 0x14 && (4...6).contains(version >> 16)
  }

  /// Whether 32 and 36 hold the host CPU and the id: the CPU is the one of `loaded_vmcs` on every vCPU that is loaded,
  /// ids are small, and no two vCPUs of a VM share one.
  private func identityHolds() -> Bool {
    var seen: Set<[UInt64]> = []
    return !objects.isEmpty
      && objects.allSatisfy { object in
        guard let cpu = object.bytes.u32(object.start + 32), let id = object.bytes.u32(object.start + 36),
          let loaded = object.evidence.cpu
        else { return false }
        return (Int32(bitPattern: cpu) == loaded || loaded == -1) && id < 1 << 16
          && seen.insert([object.evidence.kvm.rawValue, UInt64(id)]).inserted
      }
  }

  /// `mp_state` stands 60 bytes behind `apic` since `apicv_active` and the bitmap of vectors came (4.5), 20 before. It
  /// counts when every vCPU has a state there, and one that is halted left its guest by HLT; or when the object's shape
  /// is known.
  private func mpStatePlace(_ arch: ArchShape, isKnown: Bool) -> UInt64? {
    guard let apic = arch.apic else { return nil }
    let places = [apic + 60, apic + 20].filter { place in
      var halted = false
      for object in objects {
        guard let state = object.bytes.u32(object.start + arch.regs + place).flatMap(MPState.init(rawValue:)) else {
          return false
        }
        if state == .HALTED, object.active?.isHalt == true { halted = true }
      }
      return halted || isKnown && place == apic + 60
    }
    return places.count == 1 ? places[0] : nil
  }

  /// The key with the most votes, if no other has as many.
  private static func single(_ votes: [UInt64: Int]) -> UInt64? {
    guard let best = votes.values.max() else { return nil }
    let keys = votes.filter { $0.value == best }.keys
    return keys.count == 1 ? keys.first : nil
  }
}

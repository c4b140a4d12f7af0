/// The states of all vCPUs of a host whose regions have evidence.
struct KVMVCPUStates: Sendable {
  private let kernel: LinuxKernel
  private let shape: VCPUShape?
  private let arch: ArchShape?
  private let types: VCPUStateTypes?
  private let objects: [HPA: VCPUObject]

  init(evidence: HostEvidence, regions: [RegionFacts]) {
    kernel = evidence.kernel
    shape = evidence.shape
    types = evidence.types?.state
    var found: [(VCPUEvidence, RegionFacts)] = []
    for region in regions {
      if case .success(let proof) = evidence.evidence(for: region.address) { found.append((proof, region)) }
    }
    var objects: [HPA: VCPUObject] = [:]
    if let shape {
      let families = Dictionary(grouping: found) { $0.0.vcpu }
      for (proof, region) in found {
        guard let start = kernel.physical(ofDirectMap: proof.vcpu.rawValue) else { continue }
        let family = families[proof.vcpu] ?? []
        objects[proof.region] = VCPUObject(
          evidence: proof, start: start.rawValue,
          bytes: PhysicalBytes(kernel.memory, from: start.rawValue, count: shape.startToPointer + 8),
          own: family.first { $0.0.role == .vmcs01 }?.1 ?? region,
          active: family.first { $0.0.isActive == true }?.1 ?? (proof.isActive == nil ? region : nil),
          isLone: family.count == 1)
      }
    }
    self.objects = objects
    let own = objects.values.filter { $0.evidence.role == .vmcs01 }.sorted { $0.start < $1.start }
    arch = shape.flatMap { shape in
      ArchSources.all(evidence.types).lazy.compactMap { $0.arch(of: own, shape, in: evidence.kernel) }.first
    }
  }

  /// KVM's copies of the general registers, where the region is the one in use.
  func registers(of region: HPA) -> KVMRegisters? {
    guard let arch, let object = objects[region], let active = object.active, active.address == region else {
      return nil
    }
    return KVMRegisters(in: object.bytes, start: object.start, arch, region: active)
  }

  /// What is known of the vCPU behind a region; `nil` for a region without evidence.
  func state(of region: HPA) -> KVMVCPUState? {
    guard let object = objects[region] else { return nil }
    var state = KVMVCPUState()
    state.hostCPU = object.evidence.cpu.flatMap { $0 >= 0 ? Int($0) : nil }
    // Where the pointer to the VMCS in use is not known, only a vCPU without a nested guest can be told.
    let isActive = object.evidence.isActive ?? (object.evidence.role == .vmcs01 && object.isLone)
    state.typed = TypedVCPUState(of: object.evidence.vcpu, types, isActive: isActive, kernel: kernel)
    guard let arch else { return state }
    let start = object.start
    let regs = start + arch.regs
    state.vcpuID = arch.vcpuID.flatMap { object.bytes.u32(start &+ $0) }
    if let place = arch.mpState { state.mpState = object.bytes.u32(regs + place).flatMap(MPState.init(rawValue:)) }
    if isActive, let active = object.active {
      state.registers = KVMRegisters(in: object.bytes, start: start, arch, region: active)
      if let base = arch.kernelGSBase.flatMap({ object.bytes.u64(start &+ $0) }),
        VirtualAddress(rawValue: base).isCanonical(levels: 5)
      {
        state.kernelGSBase = base
      }
    }
    readAPIC(of: object, arch, isActive: isActive, into: &state)
    return state
  }

  /// The APIC's register page: id at 0x20, TPR at 0x80. Source: SDM vol. 3, 12.4.1; KVM, struct kvm_lapic.
  private func readAPIC(of object: VCPUObject, _ arch: ArchShape, isActive: Bool, into state: inout KVMVCPUState) {
    guard let place = arch.apic, let inner = arch.lapicRegs, let basePlace = arch.apicBase,
      let base = object.bytes.u64(object.start + arch.regs + basePlace),
      let pointer = object.bytes.u64(object.start + arch.regs + place)
    else { return }
    if pointer == 0 { state.typed.useOwnCR8() }
    guard let lapic = kernel.physical(ofDirectMap: pointer),
      arch.lapicVCPU.map({ kernel.memory.u64(lapic.rawValue &+ $0) == object.evidence.vcpu.rawValue }) ?? true,
      let registers = kernel.memory.u64(lapic.rawValue &+ inner).flatMap(kernel.physical(ofDirectMap:)),
      registers.pageOffset == 0, object.own.virtualAPIC.map({ $0 == registers.rawValue }) ?? true,
      let page = kernel.memory.page(registers.frame).page
    else { return }
    // IA32_APIC_BASE: bit 11 enables the APIC, bit 10 x2APIC mode.
    let id = page.u32(0x20)
    state.apicID = base >> 10 & 3 == 3 ? id : id >> 24
    let priority = page.u32(0x80)
    if isActive, object.evidence.role == .vmcs01, base >> 11 & 1 == 1, priority <= 0xff {
      state.cr8 = UInt64(priority >> 4)
    }
  }
}

/// Why a region has no host evidence: the first check that failed, with the value at fault.
enum EvidenceFault: Error, Equatable, Sendable {
  /// The region was not among those that were judged.
  case notJudged(HPA)
  /// Fields that the checks need, and that the layout does not have.
  case noField(String)
  /// The table that HOST_CR3 names does not have the kernel's half.
  case hostCR3(UInt64, KernelHalf)
  /// The kernel's own tables do not map HOST_RSP.
  case hostRSPUnmapped(UInt64)
  /// No `loaded_vmcs` holds the region's address.
  case noLoadedVMCS(HPA)
  /// The address stands in a `loaded_vmcs`, but no vCPU around it is known to the VM it names.
  case noVCPU(pointer: HPA)
  /// The address stands in a proven vCPU, at another place than the `vmcs01` of the host's vCPUs.
  case notVMCS01(pointer: HPA, expected: HPA)
  /// The vCPU names a `struct kvm` that is none.
  case kvm(KVMFault)
  /// The `struct kvm` is good, and its table does not have the vCPU.
  case notInTable(vcpu: HPA, kvm: VirtualAddress)
  /// The kernel names the region, and the layout reads another place of the VM-entry MSR-load area in it than KVM has.
  case otherMSRLoad(UInt64, expected: HPA)
  /// The region is what is left of a vCPU that is gone.
  case dead(DeathReason)
}

extension EvidenceFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .notJudged(let region): "region \(region) was not judged"
    case .noField(let name): "the layout lacks \(name)"
    case .hostCR3(let value, let half): "HOST_CR3 \(hex(value)) is no table of this kernel: \(half)"
    case .hostRSPUnmapped(let value): "HOST_RSP \(hex(value)) is not mapped by the kernel"
    case .noLoadedVMCS(let region): "no loaded_vmcs or vmcb01 names \(region)"
    case .noVCPU(let pointer): "the place at \(pointer) that names it belongs to no vCPU that a VM names"
    case .notVMCS01(let pointer, let expected):
      "the place at \(pointer) that names it is not where the host's vCPUs have their own, at \(expected)"
    case .kvm(let fault): fault.description
    case .notInTable(let vcpu, let kvm): "the VM at \(kvm) does not name the vCPU at \(vcpu)"
    case .otherMSRLoad(let value, let expected):
      "the layout reads \(hex(value)) for VM_ENTRY_MSR_LOAD_ADDR, and KVM has that area at \(expected)"
    case .dead(let reason): "dead: \(reason)"
    }
  }
}

extension EvidenceFault {
  /// What is left of a vCPU that is gone.
  var isDeath: Bool { if case .dead = self { true } else { false } }
}

/// What a region is to its vCPU.
enum VMCSRole: Equatable, Sendable {
  /// The vCPU's own VMCS.
  case vmcs01
  /// `nested.vmcs02` of this `vcpu_vmx`: the guest of a guest, as the processor runs it.
  case nested(of: VirtualAddress)
}

/// One vCPU that a VM's own table names.
struct VCPUPointer: Sendable, Hashable {
  /// Place in the table, `vcpu_idx`.
  let index: Int
  /// Start of its `kvm_vcpu`, which is also the start of its `vcpu_vmx`.
  let address: VirtualAddress
}

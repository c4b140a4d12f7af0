/// A region whose address stands in the `loaded_vmcs` of a vCPU that a VM's own table names.
struct VCPUProof: Sendable, Equatable {
  /// Physical address of `kvm_vcpu`, which is that of `vcpu_vmx`.
  let start: UInt64
  let pointer: UInt64
  let loaded: RegionHolder
  let kvm: KVMObject
  /// Index in the VM's table.
  let index: Int

  var startToPointer: UInt64 { pointer &- start }
}

/// What shows that only the host kernel can have set up a region (Documentation/design.md §1, host evidence).
struct VCPUEvidence: Sendable, Equatable {
  /// Address of the VMCS region.
  let region: HPA
  let role: VMCSRole
  /// Start of the `vcpu_vmx`.
  let vcpu: VirtualAddress
  /// Where the `loaded_vmcs` stands that holds the region's address.
  let loadedVMCS: HPA
  let checks: Set<RegionHolderCheck>
  /// The `struct kvm` that the vCPU names and that names the vCPU.
  let kvm: VirtualAddress
  /// Index of the vCPU in that VM's table.
  let index: Int
  /// The vCPU's `loaded_vmcs` names this region: its registers are those in `arch`. `nil` where that pointer is not
  /// known.
  let isActive: Bool?
  /// Host CPU that this VMCS was loaded on.
  let cpu: Int32?
  /// Host frames that all this rests on, ascending: none of them may be a guest's memory.
  let frames: [UInt64]
}

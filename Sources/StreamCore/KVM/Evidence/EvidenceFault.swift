/// Why a region has no host evidence: the first check that failed, with the value at fault.
public enum EvidenceFault: Error, Equatable, Sendable {
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
  case place(pointer: HPA, expected: HPA)
  /// The vCPU names a `struct kvm` that is none.
  case kvm(KVMFault)
  /// The `struct kvm` is good, and its table does not have the vCPU.
  case notInTable(vcpu: HPA, kvm: VirtualAddress)
  /// The region is what is left of a vCPU that is gone.
  case dead(DeathReason)
}

/// By what a region is known to be a dead vCPU's. Source: vmx/invariants.md §9.
public enum DeathReason: Equatable, Sendable {
  /// Its `loaded_vmcs` was cleared: pointer NULL, cpu -1, not launched.
  case released
  /// The VM that its vCPU names is unmapped.
  case kvmUnmapped(VirtualAddress)
  /// Neither HOST_FS_BASE nor HOST_RSP is mapped by the tables that HOST_CR3 names: the thread is gone.
  case threadGone
}

/// What a region is to its vCPU.
public enum VMCSRole: Equatable, Sendable {
  /// The vCPU's own VMCS.
  case vmcs01
  /// `nested.vmcs02` of this `vcpu_vmx`: the guest of a guest, as the processor runs it.
  case nested(of: VirtualAddress)
}

/// What shows that only the host kernel can have set up a region (design §1, host evidence).
public struct VCPUEvidence: Sendable, Equatable {
  /// Address of the VMCS region.
  public let region: HPA
  public let role: VMCSRole
  /// Start of the `vcpu_vmx`.
  public let vcpu: VirtualAddress
  /// Where the `loaded_vmcs` stands that holds the region's address.
  public let loadedVMCS: HPA
  public let checks: Set<LoadedVMCSCheck>
  /// The `struct kvm` that the vCPU names and that names the vCPU.
  public let kvm: VirtualAddress
  /// Index of the vCPU in that VM's table.
  public let index: Int
  /// Kernel tables from the dump's VMCOREINFO.
  public let anchored: Bool
  /// The VM stands in the kernel's own list of VMs.
  public let listed: Bool
  /// The vCPU's `loaded_vmcs` names this region: its registers are those in `arch`. `nil` where that pointer is not
  /// known.
  public let isActive: Bool?
  /// Host CPU that this VMCS was loaded on.
  public let cpu: Int32?
  /// Host frames that all this rests on, ascending: none of them may be a guest's memory.
  public let frames: [UInt64]
}

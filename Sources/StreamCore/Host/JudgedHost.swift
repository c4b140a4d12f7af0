/// A host's regions that have evidence, read through one layout; or through none, where the kernel names them and no
/// layout is known. Of an AMD host they are VMCBs.
struct JudgedHost: Sendable {
  var layout: LayoutChoice?
  /// Where there is none.
  var unknown: UnknownLayout?
  /// What is settled of it all the same.
  var inferred: InferredLayout?
  var search: RegionSearch
  var kernel: LinuxKernel
  var evidence: HostEvidence
  /// Regions with host evidence that the layout reads, in order of address.
  var regions: [VMCSRegion] = []
  /// The same of an AMD host, whose VMCBs need no layout.
  var vmcbs: [HPA: VMCB] = [:]
  /// Of these and of all others that are known.
  var facts: [RegionFacts]
  var states: KVMVCPUStates
  /// Content-accepted regions without evidence, and why; the first of each fault come with their address.
  var rejected: [(address: HPA, fault: EvidenceFault)] = []
  var rejectedCount: UInt64 = 0
  /// How the two ways to the VMs differ, where both were taken.
  var differences: [WayDifference] = []
  /// Named VMCBs whose content is none, one line each.
  var faults: [String] = []

  /// By the kernel's types, or by its own word on the processor.
  var vendor = Vendor.intel

  /// Whether what was read of KVM's copies on the way differs from what the layout reads; then all of them have to be
  /// asked, which costs more than a host whose layout is known shall pay.
  var isDoubtful: Bool {
    regions.contains { region in
      guard case .success(let proof) = evidence.evidence(for: region.address), proof.role == .vmcs01 else {
        return false
      }
      guard proof.checks.isSuperset(of: [.host_state, .controls_shadow, .msr_bitmap]) else { return true }
      guard proof.isActive == true else { return false }
      guard let copy = states.registers(of: region.address) else { return true }
      let valid = copy.available & ~copy.dirty
      if valid >> 16 & 1 == 1, region[.GUEST_RIP] != copy.values[16] { return true }
      return valid >> 19 & 1 == 1 && region[.GUEST_CR3] != copy.cr3
    }
  }
}

/// A host's regions that have evidence, read through one layout; or through none, where the kernel names them and no
/// layout is known.
struct JudgedHost: Sendable {
  var layout: LayoutChoice?
  /// Where there is none.
  var unknown: UnknownLayout?
  var search: RegionSearch
  var kernel: LinuxKernel
  var evidence: HostEvidence
  /// Regions with host evidence that the layout reads, in order of address.
  var regions: [VMCSRegion] = []
  /// Of these and of all others that are known.
  var facts: [RegionFacts]
  var states: KVMVCPUStates
  /// Content-accepted regions without evidence, and why; the first of each fault come with their address.
  var rejected: [(address: HPA, fault: EvidenceFault)] = []
  var rejectedCount: UInt64 = 0
}

/// A host's regions that have evidence, read through one layout.
struct JudgedHost: Sendable {
  var layout: LayoutChoice
  var search: RegionSearch
  var kernel: LinuxKernel
  var evidence: HostEvidence
  /// Regions with host evidence, in order of address.
  var regions: [VMCSRegion]
  var facts: [RegionFacts]
  var states: KVMVCPUStates
  /// Content-accepted regions without evidence, and why; the first of each fault come with their address.
  var rejected: [(address: HPA, fault: EvidenceFault)]
  var rejectedCount: UInt64
}

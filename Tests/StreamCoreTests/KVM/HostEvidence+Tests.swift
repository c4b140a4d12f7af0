@testable import StreamCore

extension HostEvidence {
  /// The evidence of regions that nobody has looked at before.
  init(kernel: LinuxKernel, regions: [RegionFacts], search: (any PointerSearch)? = nil) throws {
    try self.init(VCPUFinder(kernel: kernel), regions: regions, search: search)
  }
}

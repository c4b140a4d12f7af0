/// A host whose kernel names the regions of its vCPUs, before anything reads them: what a layout could be inferred from,
/// and what is left of the host where none is known. Nothing in it rests on a region's content.
struct NamedHost: Sendable {
  let listed: ListedVMs
  let kernel: LinuxKernel
  let memory: HostMemory
  /// Of all named regions.
  let evidence: HostEvidence
  /// The same, in order of address: their addresses alone.
  let facts: [RegionFacts]

  /// `nil`: the kernel does not tell its VMs, or where their vCPUs' regions are, or has none.
  init?(_ word: HostWord, memory: HostMemory) {
    guard let listed = word.listed, let shape = listed.types.vcpu, let kernel = try? word.kernel?.get(),
      !listed.claims.isEmpty
    else { return nil }
    self.listed = listed
    self.kernel = kernel
    self.memory = memory
    let vendor = listed.types.vendor ?? .intel
    facts = listed.claims.keys.sorted().map { RegionFacts(address: $0, vendor: vendor) }
    evidence = HostEvidence(listed, shape, kernel: kernel, regions: facts)
  }

  /// The regions, unread.
  func unread(_ search: RegionSearch) -> JudgedHost {
    var host = JudgedHost(
      layout: nil, search: search, kernel: kernel, evidence: evidence, facts: facts,
      states: KVMVCPUStates(evidence: evidence, regions: facts))
    host.vendor = listed.types.vendor ?? .intel
    return host
  }

  /// The host of an AMD processor, whose VMCBs are the same on all: read, and judged by their content.
  func amd() -> JudgedHost {
    var host = unread(RegionSearch(results: []))
    for region in facts where listed.claims[region.address]?.isNested == false {
      guard let page = memory.page(region.address.frame).page else { continue }
      let vmcb = VMCB(address: region.address, page: page)
      do throws(VMCBFault) {
        try vmcb.check()
        host.vmcbs[region.address] = vmcb
      } catch {
        host.faults.append("\(region.address): the kernel names it as a VMCB: \(error)")
      }
    }
    return host
  }

  /// What the regions' pages say of their processor without a layout.
  /// - Parameter tried: what came of the layouts that were tried, one line each.
  func unknownLayout(tried: [String]) -> UnknownLayout {
    var counts: [UInt32: Int] = [:]
    for region in facts {
      guard let page = memory.page(region.address.frame).page else { continue }
      counts[page.revisionID, default: 0] += 1
    }
    let ordered = counts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
    return UnknownLayout(revisionIDs: ordered.map(\.key), regions: facts.count, tried: tried)
  }
}

/// Of a host whose regions no layout reads.
struct UnknownLayout: Sendable, Equatable {
  /// Of its regions, the most frequent first.
  var revisionIDs: [UInt32]
  /// How many there are.
  var regions: Int
  /// What came of the layouts that were tried, one line each.
  var tried: [String]
  /// What came of inference, in words.
  var inferred: String?
  /// Layouts of the catalogue with the same places, in words.
  var likeness: String?
  /// The host's structures lead to the regions, for its kernel does not name them.
  var isByStructure = false
}

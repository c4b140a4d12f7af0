extension HostFinder {
  /// Regions without evidence that are judged to say why, and in a kernel without known ways searched for, at most.
  private static let sampleLimit = 1 << 10

  /// Regions, the evidence for them, and which of them the layout is not of.
  struct Evidence {
    /// Those that may have evidence, and a sample of the others: all that is ever kept of them.
    let regions: [RegionFacts]
    let evidence: HostEvidence
    var misread: [(address: HPA, fault: EvidenceFault)] = []
  }

  /// The host evidence of the accepted regions, and of all that the kernel names: by the kernel's word where it tells of
  /// vCPUs, else by content.
  func evidence(_ result: RegionSearch.LayoutResult, _ kernel: LinuxKernel) throws -> Evidence {
    if let listed = word.listed, let shape = listed.types.vcpu {
      var named: [RegionFacts] = []
      var misread: [(HPA, EvidenceFault)] = []
      listed.regionFrames.forEachRun { run in
        for frame in run {
          var facts = RegionFacts(address: HPA(frame: frame))
          if result.accepted.contains(frame) {
            read(frame, result.layout) { region in
              if let fault = listed.misreading(region, kernel) {
                misread.append((region.address, fault))
              } else {
                facts = region
              }
            }
          }
          named.append(facts)
        }
      }
      let known = HostEvidence(listed, shape, kernel: kernel, regions: named)
      let readCount = UInt64(named.count(where: \.isRead) + misread.count)
      guard scan.isOfAllPages, result.accepted.count > readCount else {
        return Evidence(regions: named, evidence: known, misread: misread)
      }
      let regions = with(others(than: named, result, known), named)
      return Evidence(
        regions: regions, evidence: HostEvidence(listed, shape, kernel: kernel, regions: regions), misread: misread)
    }
    return try evidence(
      result, byContentIn: kernel, EvidenceSieve(kernel: kernel, listed: word.listed, head: word.head))
  }

  private func evidence(
    _ result: RegionSearch.LayoutResult, byContentIn kernel: LinuxKernel, _ sieve: EvidenceSieve
  ) throws -> Evidence {
    var sieve = sieve
    let passed = sift(result, &sieve)
    // Most hosts have no leftovers, and need not prove their vCPUs for them.
    let isLeftOver = result.accepted.count > UInt64(passed.count) && !passed.isEmpty
    let known = isLeftOver ? try HostEvidence(sieve.finder, regions: passed) : nil
    let regions = with(others(than: passed, result, known), passed)
    let search = PointerScan(dump: dump, decoders: decoders, workers: workers)
    return Evidence(regions: regions, evidence: try HostEvidence(sieve.finder, regions: regions, search: search))
  }

  /// Where the kernel was asked and every page was looked at: how what content proves differs from what the kernel says.
  func differences(_ host: JudgedHost) throws -> [WayDifference] {
    guard scan.isOfAllPages, let listed = word.listed, listed.types.vcpu != nil, let layout = host.layout?.layout.id,
      let result = host.search.results.first(where: { $0.layout.id == layout })
    else { return [] }
    // As if the kernel had not been asked at all.
    let content = try evidence(result, byContentIn: host.kernel, EvidenceSieve(kernel: host.kernel)).evidence
    return WayDifference.all(listed, content, regions: host.facts.filter { listed.claims[$0.address] != nil })
  }

  private func with(_ others: [RegionFacts], _ regions: [RegionFacts]) -> [RegionFacts] {
    (regions + others).sorted { $0.address < $1.address }
  }

  /// Of the accepted regions, those that may have evidence by content.
  private func sift(_ result: RegionSearch.LayoutResult, _ sieve: inout EvidenceSieve) -> [RegionFacts] {
    var pointed = FrameBitmap()
    forEach(result.accepted, result.layout) { region in
      if sieve.hasPointer(region) { pointed.insert(region.address.frame) }
    }
    pointed.freeze()
    var passed: [RegionFacts] = []
    // The second stage also runs where the first found some: then all VMs are known, and it costs little.
    for stage in EvidenceSieve.Stage.allCases where stage != .old || passed.isEmpty {
      let before = Set(passed.map(\.address))
      forEach(pointed, result.layout) { region in
        if !before.contains(region.address), sieve.passes(region, stage) { passed.append(region) }
      }
    }
    return passed
  }

  /// Of the accepted regions that are not among `regions`, those that may be nested, dead, and a sample of the rest.
  private func others(
    than regions: [RegionFacts], _ result: RegionSearch.LayoutResult, _ known: HostEvidence?
  ) -> [RegionFacts] {
    let have = Set(regions.map(\.address))
    let leftovers = known.flatMap(EvidenceLeftovers.init)
    var nested: [RegionFacts] = []
    var dead: [RegionFacts] = []
    var sample: [RegionFacts] = []
    forEach(result.accepted, result.layout) { region in
      guard !have.contains(region.address) else { return }
      if leftovers?.mayBeNested(region) == true {
        nested.append(region)
      } else if dead.count < Self.sampleLimit, leftovers?.mayBeDead(region) == true {
        dead.append(region)
      } else if sample.count < Self.sampleLimit {
        sample.append(region)
      }
    }
    return nested + dead + sample
  }

  private func forEach(_ frames: FrameBitmap, _ layout: Layout, _ body: (RegionFacts) -> Void) {
    frames.forEachRun { run in
      for frame in run { read(frame, layout, body) }
    }
  }

  private func read(_ frame: UInt64, _ layout: Layout, _ body: (RegionFacts) -> Void) {
    guard let page = memory.page(frame).page else { return }
    body(RegionFacts(VMCSRegion(address: HPA(frame: frame), page: page, layout: layout)))
  }

  /// Regions from which a direct-map base follows; of too many as many as show it.
  func voters(_ result: RegionSearch.LayoutResult) -> [RegionFacts] {
    var voters: [RegionFacts] = []
    forEach(result.accepted, result.layout) { region in
      guard voters.count <= LinuxKernel.regionLimit,
        LinuxKernel.directMapBase(byPointersOf: region, memory: memory) != nil
      else {
        return
      }
      voters.append(region)
    }
    return voters
  }
}

extension ListedVMs {
  /// What shows that a layout is not that of a region which the kernel names, though its content agrees.
  fileprivate func misreading(_ region: RegionFacts, _ kernel: LinuxKernel) -> EvidenceFault? {
    guard let load = region.entryMSRLoad, let expected = entryMSRLoad(of: region.address, kernel: kernel),
      load != expected.rawValue
    else { return nil }
    return .otherMSRLoad(load, expected: expected)
  }
}

/// Agrees on a layout: of the first source that leads to regions with host evidence, the layout with the most
/// (Documentation/design.md §3.4).
struct HostFinder {
  let dump: any HostDump
  let memory: HostMemory
  let decoders: DecoderPool
  let workers: Workers

  /// Regions without evidence that are judged to say why, and in a kernel without known ways searched for, at most.
  private static let sampleLimit = 1 << 10
  /// Regions that a kernel without VMCOREINFO is looked for by, at most.
  private static let voterLimit = 1 << 16

  func run(_ scan: HeadScan, sources: [LayoutSource]) throws -> FoundHost {
    let (host, refused) = try judge(scan, sources: sources)
    return host.found(refused: refused)
  }

  /// The host by the first source that leads to a proven region, and why those before it did not.
  func judge(_ scan: HeadScan, sources: [LayoutSource]) throws -> (host: JudgedHost, refused: [String]) {
    var trials: [LayoutTrial] = []
    for source in sources {
      let trial = try self.trial(source, scan)
      if let host = trial.host, !host.regions.isEmpty { return (host, trials.compactMap(\.refusal)) }
      trials.append(trial)
    }
    throw try withoutGuests(trials)
  }

  private func trial(_ source: LayoutSource, _ scan: HeadScan) throws -> LayoutTrial {
    let search = try RegionSearch.run(
      scan.regions, layouts: source.layouts(seen: scan.revisions), memory: memory, workers: workers)
    var trial = LayoutTrial(source: source, search: search)
    for result in search.results where result.accepted.count > 0 {
      do {
        let host = try judge(result, search, source: source.name)
        if trial.host.map({ host.regions.count > $0.regions.count }) ?? true { trial.host = host }
      } catch let fault as LinuxKernelFault {
        trial.kernelFault = trial.kernelFault ?? "\(fault)"
      } catch let fault as UnanchoredKernelFault {
        trial.kernelFault = trial.kernelFault ?? "\(fault)"
      }
    }
    return trial
  }

  private func judge(_ result: RegionSearch.LayoutResult, _ search: RegionSearch, source: String) throws -> JudgedHost {
    let kernel: LinuxKernel
    if let info = dump.vmcoreinfo {
      kernel = try LinuxKernel(vmcoreinfo: info, memory: memory)
    } else {
      kernel = try LinuxKernel(regions: voters(result), memory: memory)
    }
    let (facts, finder) = try hopeful(result, kernel)
    let evidence = try HostEvidence(
      finder, regions: facts, search: PointerScan(dump: dump, decoders: decoders, workers: workers))
    var proven: [VMCSRegion] = []
    var rejected: [(HPA, EvidenceFault)] = []
    for region in facts {
      switch evidence.evidence(for: region.address) {
      case .success:
        guard let page = memory.page(region.address.frame).page else { continue }
        proven.append(VMCSRegion(address: region.address, page: page, layout: result.layout))
      case .failure(let fault): rejected.append((region.address, fault))
      }
    }
    let rejectedCount = result.accepted.count - UInt64(proven.count)
    proven.sort { $0.address < $1.address }
    let choice = LayoutChoice(
      layout: result.layout, source: source, revisionID: proven.first?.revisionID ?? 0,
      evidence: [
        "\(result.accepted.count) of \(search.candidates) candidate pages pass its content rules",
        "\(proven.count) of them have host evidence",
      ])
    return JudgedHost(
      layout: choice, search: search, kernel: kernel, evidence: evidence, regions: proven, facts: facts,
      states: KVMVCPUStates(evidence: evidence, regions: facts), rejected: Self.reported(rejected),
      rejectedCount: rejectedCount)
  }

  /// The first of each kind by address: forged regions must not crowd out what is left of dead guests.
  private static func reported(_ rejected: [(HPA, EvidenceFault)]) -> [(HPA, EvidenceFault)] {
    let dead = rejected.filter { $0.1.isDeath }.prefix(64)
    let others = rejected.filter { !$0.1.isDeath }.prefix(64)
    return (dead + others).sorted { $0.0 < $1.0 }
  }

  /// Of the accepted regions, those that may have evidence, and a sample of the others: all that is ever kept of them.
  /// - Returns: with them who looked for their vCPUs, and knows the host's VMs by now.
  private func hopeful(
    _ result: RegionSearch.LayoutResult, _ kernel: LinuxKernel
  ) throws -> (regions: [RegionFacts], finder: VCPUFinder) {
    var sieve = EvidenceSieve(kernel: kernel)
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
    let have = Set(passed.map(\.address))
    // Most hosts have no leftovers, and need not prove their vCPUs for them.
    let isLeftOver = result.accepted.count > UInt64(have.count) && !passed.isEmpty
    let leftovers = isLeftOver ? EvidenceLeftovers(try HostEvidence(sieve.finder, regions: passed)) : nil
    var dead: [RegionFacts] = []
    var sample: [RegionFacts] = []
    forEach(result.accepted, result.layout) { region in
      guard !have.contains(region.address) else { return }
      if leftovers?.mayBeNested(region) == true {
        passed.append(region)
      } else if dead.count < Self.sampleLimit, leftovers?.mayBeDead(region) == true {
        dead.append(region)
      } else if sample.count < Self.sampleLimit {
        sample.append(region)
      }
    }
    return ((passed + dead + sample).sorted { $0.address < $1.address }, sieve.finder)
  }

  private func forEach(_ frames: FrameBitmap, _ layout: Layout, _ body: (RegionFacts) -> Void) {
    frames.forEachRun { run in
      for frame in run {
        guard let page = memory.page(frame).page else { continue }
        body(RegionFacts(VMCSRegion(address: HPA(frame: frame), page: page, layout: layout)))
      }
    }
  }

  /// Regions from which a direct-map base follows.
  private func voters(_ result: RegionSearch.LayoutResult) -> [RegionFacts] {
    var voters: [RegionFacts] = []
    forEach(result.accepted, result.layout) { region in
      guard voters.count < Self.voterLimit, LinuxKernel.directMapBase(byPointersOf: region, memory: memory) != nil
      else {
        return
      }
      voters.append(region)
    }
    return voters
  }

  /// No region with evidence: a dead guest's, an unknown layout, another vendor's host, or none.
  private func withoutGuests(_ trials: [LayoutTrial]) throws -> HostWithoutGuests {
    if let why = trials.lazy.compactMap(\.kernelFault).first { return .kernelUnreadable(why: why) }
    let hosts = trials.compactMap(\.host)
    for host in hosts {
      guard let first = host.rejected.first(where: { !$0.fault.isDeath }) else { continue }
      return .unproven(
        pages: host.rejectedCount, layout: host.layout.layout.id, first: first.address, why: first.fault)
    }
    if !hosts.isEmpty { return .noSign }
    for result in trials.flatMap(\.search.results) {
      guard let count = result.rejected[.eptDisabled] else { continue }
      return .withoutEPT(regions: count, layout: result.layout.id)
    }
    let signs = try VMXSigns.find(
      dump, memory: memory,
      kernel: try? dump.vmcoreinfo.map { info in
        try LinuxKernel(vmcoreinfo: info, memory: memory)
      }, decoders: decoders, workers: workers)
    if !signs.revisionIDs.isEmpty {
      let detail = [signs.detail] + trials.compactMap(\.refusal)
      return .noLayout(revisionIDs: signs.revisionIDs, detail: detail.joined(separator: "; "))
    }
    return signs.vmcbs > 0 ? .svm(vmcbs: signs.vmcbs) : .noSign
  }
}

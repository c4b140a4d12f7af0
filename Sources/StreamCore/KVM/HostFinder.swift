/// The layout that explains the host's regions, and how it was chosen.
public struct LayoutChoice: Sendable, Equatable {
  public var layout: Layout
  /// "layout-file", "vmcsinfo-file", "vmcsinfo" (a note in the dump) or "catalogue".
  public var source: String
  public var revisionID: UInt32
  /// One line each.
  public var evidence: [String]
}

/// A host's regions that have evidence, read through one layout.
public struct FoundHost: Sendable {
  public var layout: LayoutChoice
  public var search: RegionSearch
  public var kernel: HostKernel
  public var evidence: HostEvidence
  /// Regions with host evidence, in order of address.
  public var regions: [VMCSRegion]
  public var facts: [RegionFacts]
  public var states: VCPUStates
  /// Content-accepted regions without evidence, and why; the first of each fault come with their address.
  public var rejected: [(address: HPA, fault: EvidenceFault)]
  public var rejectedCount: UInt64
  /// Sources of layouts that were tried before and refused, one line each.
  public var refused: [String] = []
}

/// Agrees on a layout: of the first source that leads to regions with host evidence, the layout with the most (design
/// §3.3).
struct HostFinder {
  let dump: any HostDump
  let memory: HostMemory
  let decoders: DecoderPool
  let workers: Workers

  /// Regions that are judged together at most. More than this pass the first checks only where a guest forged them.
  private static let regionLimit = 1 << 16

  func run(_ scan: HeadScan, sources: [LayoutSource]) throws -> FoundHost {
    var trials: [LayoutTrial] = []
    for source in sources {
      let trial = try self.trial(source, scan)
      if var host = trial.host, !host.regions.isEmpty {
        host.refused = trials.compactMap(\.refusal)
        return host
      }
      trials.append(trial)
    }
    throw try failure(trials)
  }

  private func trial(_ source: LayoutSource, _ scan: HeadScan) throws -> LayoutTrial {
    let search = try RegionSearch.run(
      scan.regions, layouts: source.layouts(seen: scan.revisions), memory: memory, workers: workers)
    var trial = LayoutTrial(source: source, search: search)
    for finding in search.findings where finding.accepted.count > 0 {
      do {
        let host = try judge(finding, search, source: source.name)
        if trial.host.map({ host.regions.count > $0.regions.count }) ?? true { trial.host = host }
      } catch let fault as HostKernelFault {
        trial.kernelFault = trial.kernelFault ?? "\(fault)"
      }
    }
    return trial
  }

  private func judge(_ finding: RegionSearch.Findings, _ search: RegionSearch, source: String) throws -> FoundHost {
    let all = hopeful(finding)
    let facts = all.map { RegionFacts($0) }
    let kernel: HostKernel
    if let info = dump.vmcoreinfo {
      kernel = try HostKernel(vmcoreinfo: info, memory: memory)
    } else {
      kernel = try HostKernel(regions: facts, memory: memory)
    }
    let evidence = HostEvidence(
      kernel: kernel, regions: facts, search: PointerScan(dump: dump, decoders: decoders, workers: workers))
    var proven: [VMCSRegion] = []
    var rejected: [(HPA, EvidenceFault)] = []
    for region in all {
      switch evidence.evidence(for: region.address) {
      case .success: proven.append(region)
      case .failure(let fault): rejected.append((region.address, fault))
      }
    }
    proven += unproven(evidence, finding, proven)
    proven.sort { $0.address < $1.address }
    let choice = LayoutChoice(
      layout: finding.layout, source: source, revisionID: proven.first?.revisionID ?? 0,
      evidence: [
        "\(finding.accepted.count) of \(search.candidates) candidate pages pass its content rules",
        "\(proven.count) of them have host evidence",
      ])
    return FoundHost(
      layout: choice, search: search, kernel: kernel, evidence: evidence, regions: proven, facts: facts,
      states: VCPUStates(evidence: evidence, regions: facts), rejected: Array(rejected.prefix(64)),
      rejectedCount: UInt64(rejected.count))
  }

  /// The accepted regions, read again.
  private func hopeful(_ finding: RegionSearch.Findings) -> [VMCSRegion] {
    var regions: [VMCSRegion] = []
    finding.accepted.forEachRun { run in
      for frame in run where regions.count < Self.regionLimit {
        guard let page = memory.page(frame).page else { continue }
        regions.append(VMCSRegion(address: HPA(frame: frame), page: page, layout: finding.layout))
      }
    }
    return regions
  }

  /// Regions of vCPUs that never ran: their host fields say nothing yet, but a proven VM's table names the vCPU, and
  /// the vCPU its region.
  private func unproven(
    _ evidence: HostEvidence, _ finding: RegionSearch.Findings, _ proven: [VMCSRegion]
  ) -> [VMCSRegion] {
    let have = Set(proven.map(\.address))
    return evidence.kvms.flatMap(\.vcpus).compactMap { vcpu in
      guard let address = evidence.region(of: vcpu.address), !have.contains(address),
        finding.accepted.contains(address.frame), let page = memory.page(address.frame).page
      else { return nil }
      return VMCSRegion(address: address, page: page, layout: finding.layout)
    }
  }

  /// No region with evidence: a dead guest's, an unknown layout, another vendor's host, or none.
  private func failure(_ trials: [LayoutTrial]) throws -> Failure {
    if let kernelFault = trials.lazy.compactMap(\.kernelFault).first {
      return .unsupportedHost(
        what: "regions of VMX guests are there, but the host kernel's page tables cannot be read: \(kernelFault)",
        remedy: "guests cannot be told from forgeries without them")
    }
    let hosts = trials.compactMap(\.host)
    for host in hosts {
      guard let first = host.rejected.first(where: { !$0.fault.isDeath }) else { continue }
      return .unsupportedHost(
        what:
          "\(host.rejectedCount) pages have the content of VMCS regions (layout \(host.layout.layout.id)), but nothing in "
          + "the host kernel proves one; at \(first.address): \(first.fault)",
        remedy: "nothing is split, for a guest could have forged them")
    }
    if !hosts.isEmpty { return .noGuest }
    let withoutEPT = trials.flatMap(\.search.findings).first { $0.rejected[RegionRule.eptDisabled.rawValue] != nil }
    if let finding = withoutEPT, let count = finding.rejected[RegionRule.eptDisabled.rawValue] {
      return .unsupportedHost(
        what: "the guests of this host run without EPT: \(count) VMCS regions (layout \(finding.layout.id)) use shadow paging",
        remedy: "only guests with EPT can be split so far")
    }
    let signs = try VMXSigns.find(
      dump, memory: memory,
      kernel: try? dump.vmcoreinfo.map { info in
        try HostKernel(vmcoreinfo: info, memory: memory)
      }, decoders: decoders, workers: workers)
    if !signs.revisionIDs.isEmpty {
      let detail = [signs.detail] + trials.compactMap(\.refusal)
      return .noLayout(revisionIDs: signs.revisionIDs, detail: detail.joined(separator: "; "))
    }
    if signs.vmcbs > 0 {
      return .unsupportedHost(
        what: "this is an AMD host: \(signs.vmcbs) VMCB pages of SVM guests",
        remedy: "only guests of Intel hosts (VMX) can be split so far")
    }
    return .noGuest
  }
}

extension EvidenceFault {
  /// What is left of a vCPU that is gone.
  var isDeath: Bool { if case .dead = self { true } else { false } }
}

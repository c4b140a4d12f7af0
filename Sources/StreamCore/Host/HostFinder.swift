/// Agrees on a layout: of the first source that leads to regions with host evidence, the layout with the most
/// (Documentation/design.md §3.4).
struct HostFinder: Sendable {
  let dump: any HostDump
  let memory: HostMemory
  let decoders: DecoderPool
  var word: HostWord
  let scan: HeadScan
  let workers: Workers

  mutating func run(_ sources: [LayoutSource]) throws -> FoundHost {
    // Side by side, for no judgement rests on what completes the word.
    let asked = self
    let (judged, completed) = workers.both({ Result { try asked.judge(sources) } }, { asked.word.completed() })
    word = completed
    let (host, refused) = try judged.get()
    var found = host.found(refused: refused, listed: word.listed, usesShapes: word.usesShapes)
    found.differences = try host.differences + differences(host)
    return found
  }

  /// The host by the first source that leads to a proven region, and why those before it did not. Without any, what its
  /// kernel alone tells.
  func judge(_ sources: [LayoutSource]) throws -> (host: JudgedHost, refused: [String]) {
    if word.listed?.types.vendor == .amd, let named = NamedHost(word, memory: memory) {
      return (try withLeftovers(named), refusals(sources))
    }
    if word.listed?.types.vendor == nil, scan.vmcbs.count > 0, let kernel = try? word.kernel?.get(),
      kernel.processorVendor()?.hasSVM == true
    {
      guard let host = try amdByContent(kernel) else {
        var signs: VMXSigns?
        throw try withoutGuests([], sources, signs: &signs)
      }
      return (host, refusals(sources))
    }
    var trials: [LayoutTrial] = []
    lazy var clues = word.regionClues
    for source in sources {
      var trial = try self.trial(source, clues: { clues })
      if let host = trial.host, !host.regions.isEmpty {
        return (completed(host, source, clues: { clues }), trials.compactMap(\.refusal))
      }
      if let layout = source.given, let host = partialHost(layout, &trial, source, clues) {
        return (host, trials.compactMap(\.refusal))
      }
      trials.append(trial)
    }
    guard let named = NamedHost(word, memory: memory) else {
      return (try byStructure(trials, sources), trials.compactMap(\.refusal))
    }
    var search = RegionSearch(results: [])
    search.nearMisses = trials.flatMap(\.search.nearMisses)
    var host = named.unread(search)
    for index in trials.indices { trials[index].holdAgainst(clues) }
    var unknown = named.unknownLayout(tried: trials.flatMap(\.outcome))
    do throws(InferenceFault) {
      let inferred = try InferredLayout(clues)
      unknown.inferred = inferred.summary
      unknown.likeness = inferred.likeness
      host.inferred = inferred
    } catch {
      unknown.inferred = "nothing: \(error)"
    }
    host.unknown = unknown
    return (host, trials.compactMap(\.refusal))
  }

  /// Layouts of VMCSs that were given for an AMD host.
  private func refusals(_ sources: [LayoutSource]) -> [String] {
    sources.filter { !$0.isCatalogue }.map { "\($0.title) refused: this host's processors are AMD's" }
  }

  /// - Parameter clues: of the regions that the kernel names, where it does.
  private func trial(_ source: LayoutSource, clues: () -> [RegionClues]) throws -> LayoutTrial {
    let search = try RegionSearch.run(
      scan.regions, layouts: source.layouts(seen: scan.revisions), memory: memory, workers: workers)
    var trial = LayoutTrial(source: source, search: search)
    for result in search.results where result.accepted.count > 0 {
      do {
        let host = try judge(result, search, source: source.name)
        if host.isDoubtful, let fault = LayoutAgreement(of: result.layout, clues()).fault {
          trial.contradictions[result.layout.id] = fault
          continue
        }
        if trial.host.map({ host.regions.count > $0.regions.count }) ?? true { trial.host = host }
      } catch let fault as LinuxKernelFault {
        trial.kernelFault = trial.kernelFault ?? "\(fault)"
      } catch let fault as UnanchoredKernelFault {
        trial.kernelFault = trial.kernelFault ?? "\(fault)"
      }
    }
    return trial
  }

  func judge(_ result: RegionSearch.LayoutResult, _ search: RegionSearch, source: String) throws -> JudgedHost {
    let kernel = try word.kernel?.get() ?? LinuxKernel(regions: voters(result), memory: memory)
    let found = try evidence(result, kernel)
    let evidence = found.evidence
    var proven: [VMCSRegion] = []
    var rejected = found.misread
    for region in found.regions where region.isRead {
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
      evidence: .init(candidates: search.candidates, accepted: result.accepted.count, proven: proven.count))
    return JudgedHost(
      layout: choice, search: search, kernel: kernel, evidence: evidence, regions: proven,
      facts: found.regions, states: KVMVCPUStates(evidence: evidence, regions: found.regions),
      rejected: Self.reported(rejected),
      rejectedCount: rejectedCount)
  }

  /// The first of each kind by address: forged regions must not crowd out what is left of dead guests.
  static func reported(_ rejected: [(HPA, EvidenceFault)]) -> [(HPA, EvidenceFault)] {
    let dead = rejected.filter { $0.1.isDeath }.prefix(64)
    let others = rejected.filter { !$0.1.isDeath }.prefix(64)
    return (dead + others).sorted { $0.0 < $1.0 }
  }

  /// No region with evidence: a dead guest's, an unknown layout, another vendor's host, or none.
  /// - Parameter signs: takes what was seen of VMX where no layout fits.
  func withoutGuests(
    _ trials: [LayoutTrial], _ sources: [LayoutSource], signs found: inout VMXSigns?
  ) throws -> HostWithoutGuests {
    if let why = trials.lazy.compactMap(\.kernelFault).first { return .kernelUnreadable(why: why) }
    let hosts = trials.compactMap(\.host)
    for host in hosts {
      guard let first = host.rejected.first(where: { !$0.fault.isDeath }) else { continue }
      return .unproven(
        pages: host.rejectedCount, layout: host.layout?.layout.id ?? "", first: first.address, why: first.fault)
    }
    if !hosts.isEmpty { return .noSign(trace: nil, unread: unread(pages: scan.badPages)) }
    for result in trials.flatMap(\.search.results) {
      guard let count = result.rejected[.eptDisabled] else { continue }
      return .withoutEPT(regions: count, layout: result.layout.id)
    }
    let signs = try VMXSigns.find(
      dump, memory: memory, ids: Set(sources.flatMap(\.heads.keys)),
      kernel: try? word.kernel?.get(), head: word.head, decoders: decoders, workers: workers)
    if !signs.revisionIDs.isEmpty {
      found = signs
      let silence = word.why.map { ["the host's kernel does not name them either: \($0)"] } ?? []
      let detail = [signs.detail] + trials.compactMap(\.refusal) + silence
      return .noLayout(revisionIDs: signs.revisionIDs, detail: detail.joined(separator: "; "))
    }
    if signs.vmcbs > 0 { return .svm(vmcbs: signs.vmcbs, why: word.why ?? "its list of VMs is empty") }
    if signs.isNested, let trace = signs.trace { return .nested(trace: trace) }
    return .noSign(trace: signs.trace, unread: unread(pages: signs.unread))
  }

  /// Why nothing found is not nothing there, one line each.
  /// - Parameter pages: that could not be read.
  private func unread(pages: UInt64) -> [String] {
    var lines: [String] = []
    if pages > 0 { lines.append("\(pages) of its pages cannot be read") }
    if case .failure(let fault) = word.kernel { lines.append("the host kernel's page tables cannot be read: \(fault)") }
    if word.isBroken, let why = word.why { lines.append("the host's kernel cannot be asked for its VMs: \(why)") }
    if let damage = word.listed?.damage { lines.append("the host kernel's list of VMs is damaged: \(damage)") }
    if let count = word.listed?.vms.count, count > 0 {
      lines.append("the host's kernel lists \(count) VMs, and the dump has no VMCS of them")
    }
    return lines
  }
}

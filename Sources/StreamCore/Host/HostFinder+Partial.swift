/// Layouts that were given and lack fields, as those that were inferred do: they hold as far as they go, and what they
/// lack is inferred.
extension HostFinder {
  /// The host by a layout without the fields by which a page alone can be told for a region: the kernel names the
  /// regions, and has to keep what the layout's places hold.
  /// - Parameters:
  ///   - trial: takes why it does not hold.
  ///   - clues: of the regions that the kernel names.
  func partialHost(
    _ layout: Layout, _ trial: inout LayoutTrial, _ source: LayoutSource, _ clues: [RegionClues]
  ) -> JudgedHost? {
    guard (RegionJudge.required + [.EPT_POINTER]).contains(where: { layout[$0] == nil }), let first = clues.first,
      let named = NamedHost(word, memory: memory)
    else { return nil }
    let agreement = LayoutAgreement(of: layout, clues)
    guard agreement.fault == nil, agreement.confirmed.count >= LayoutAgreement.enough else {
      trial.contradictions[layout.id] =
        agreement.fault
        ?? "only \(agreement.confirmed.count) of its places hold what KVM keeps of their fields, too few without it"
      return nil
    }
    let judge = RegionJudge(layout: layout, memory: memory, isPartial: true)
    for clue in clues {
      guard case .rejected(let fault) = judge.judge(clue.page, at: clue.address) else { continue }
      trial.contradictions[layout.id] = "the VMCS at \(clue.address) breaks \(fault)"
      return nil
    }
    guard let inferred = try? InferredLayout(clues, given: layout) else { return nil }
    var host = named.unread(trial.search)
    host.inferred = inferred
    host.layout = LayoutChoice(
      layout: inferred.layout, source: source.name, revisionID: first.page.revisionID,
      evidence: .init(candidates: UInt64(named.facts.count), accepted: UInt64(clues.count), proven: clues.count))
    return host
  }

  /// The host with what its layout lacks of the registers' fields, where that was given and can be inferred.
  func completed(_ host: JudgedHost, _ source: LayoutSource, clues: () -> [RegionClues]) -> JudgedHost {
    guard let layout = source.given, InferredLayout.needed.contains(where: { layout[$0] == nil }) else { return host }
    var host = host
    host.inferred = try? InferredLayout(clues(), given: layout)
    return host
  }
}

extension HostWord {
  /// What the kernel keeps of the fields of the regions that it names; without any where it does not.
  var regionClues: [RegionClues] {
    guard let listed, listed.types.vendor == .intel, let kernel = try? kernel?.get() else { return [] }
    return RegionCopies(KernelReader(kernel: kernel, types: listed.types.all), listed.types).clues(of: listed)
  }
}

extension LayoutTrial {
  /// Notes which fields of the layouts that were tried do not hold what the kernel keeps.
  mutating func holdAgainst(_ clues: [RegionClues]) {
    for result in search.results where contradictions[result.layout.id] == nil {
      contradictions[result.layout.id] = LayoutAgreement(of: result.layout, clues).fault
    }
  }
}

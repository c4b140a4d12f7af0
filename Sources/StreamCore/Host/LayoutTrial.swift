/// What came of one source.
struct LayoutTrial: Sendable {
  let source: LayoutSource
  let search: RegionSearch
  /// Read through the layout that explains most regions; `nil` where no page passes the content rules.
  var host: JudgedHost?
  /// Why the kernel could not be read although pages pass.
  var kernelFault: String?
  /// What is wrong with a layout by what the host's kernel keeps of the regions' fields, by its id.
  var contradictions: [String: String] = [:]

  /// One line for a source that was given and leads to no region with host evidence; `nil` for the catalogue, which
  /// nobody gave.
  var refusal: String? {
    if case .catalogue = source { return nil }
    return search.results.first.map { "\(source.title) refused: \(reason($0))" }
  }

  /// What came of each layout of the source, one line each; a source that was given has its refusal.
  var outcome: [String] {
    guard case .catalogue = source else { return [] }
    return search.results.map { "\($0.layout.id): \(reason($0))" }
  }

  private func reason(_ result: RegionSearch.LayoutResult) -> String {
    let fault = contentFault(result)
    guard let contradiction = contradictions[result.layout.id] else { return fault }
    if result.accepted.count > 0 { return "\(result.accepted.count) pages pass its rules, and \(contradiction)" }
    return "\(fault); \(contradiction)"
  }

  private func contentFault(_ result: RegionSearch.LayoutResult) -> String {
    let layout = result.layout
    if let field = RegionJudge.required.first(where: { layout[$0] == nil }) {
      return "it has no place for \(field.name)"
    }
    if let kernelFault { return "pages pass its rules, but the host kernel's tables cannot be read: \(kernelFault)" }
    if let host {
      let first = host.rejected.first.map { "; at \($0.address): \($0.fault)" } ?? ""
      return "\(result.accepted.count) pages pass its rules, and none has host evidence" + first
    }
    let rejected = result.rejected.values.reduce(0, +)
    guard let worst = result.rejected.max(by: { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) }) else {
      let ids = layout.revisionIDs.map { hex($0) }.joined(separator: ", ")
      return "no page with its revision id (\(ids)) holds more than a header"
    }
    return "none of \(rejected) pages with its revision id passes its rules, \(worst.value) break rule "
      + worst.key.rawValue
  }
}

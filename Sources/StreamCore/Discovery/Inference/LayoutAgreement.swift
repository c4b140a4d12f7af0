/// What the copies of the host's kernel say of a layout: which of its places hold the fields' values, in the regions
/// whose values are known, and which do not.
struct LayoutAgreement: Sendable, Equatable {
  /// Fields whose place holds what it has to, wherever that is known.
  private(set) var confirmed: [VMCSField] = []
  /// Fields whose place holds something else.
  private(set) var contradicted: [VMCSField] = []

  /// Fewer confirmed fields tell nothing of a layout that has no rules of its own to pass.
  static let enough = 4
  private static let shown = 6

  /// A copy that was just being written is one region's, so that a place is wrong where more of its voters say so than
  /// not; of what a guest may choose two have to say it, and all of them.
  init(of layout: Layout, _ regions: [RegionClues]) {
    for field in layout.fields {
      var right = 0
      var wrong = 0
      for region in regions {
        // What KVM has yet to write back may be anything: a VMM can have set it.
        guard let known = region.known[field], known.slack == 0,
          let stored = layout.load(field, from: region.page)
        else { continue }
        var value: UInt64? = stored
        if VMCSField.accessRights.contains(field) { value = layout.accessRights.sdm(stored).map(UInt64.init) }
        guard let value else { continue }
        if known.fits(value) { right += 1 } else { wrong += 1 }
      }
      let isWrong = field.isGuestsChoice ? wrong >= 2 && right == 0 : wrong > right
      if isWrong { contradicted.append(field) } else if right > 0, wrong == 0 { confirmed.append(field) }
    }
  }

  /// The contradicted fields, in words; `nil` without any.
  var fault: String? {
    guard !contradicted.isEmpty else { return nil }
    let names = contradicted.prefix(Self.shown).map(\.name).joined(separator: ", ")
    let more = contradicted.count > Self.shown ? " and \(contradicted.count - Self.shown) more" : ""
    return "its places of \(names)\(more) do not hold what KVM keeps of these fields"
  }
}

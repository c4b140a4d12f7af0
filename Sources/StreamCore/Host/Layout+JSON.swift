extension Layout {
  /// A layout from the document that `layout show --json` and `layout export --format json` print. `nil`: the bytes are
  /// no such document.
  init?(json bytes: [UInt8]) throws(LayoutError) {
    guard let document = JSONValue(bytes), let fields = document["fields"]?.members else { return nil }
    var lines: [String] = []
    for (key, header) in [("id", "id"), ("processor", "processor"), ("access_rights", "access-rights")] {
      if let text = document[key]?.text { lines.append("\(header) \(Self.oneLine(text))") }
    }
    let revisions = document["revision_ids"]?.elements.compactMap(\.text) ?? []
    if !revisions.isEmpty { lines.append("revision " + revisions.map(Self.oneLine).joined(separator: " ")) }
    for (name, place) in fields.sorted(by: { $0.key < $1.key }) {
      guard let offset = place["offset"]?.integer, let width = place["width"]?.integer else {
        throw .line(1, "the place of \(Self.oneLine(name))")
      }
      lines.append("\(Self.oneLine(name)) \(offset) \(width)")
    }
    try self.init(parsing: lines.joined(separator: "\n"))
  }

  /// Text cannot bring in a line of its own.
  private static func oneLine(_ text: String) -> String {
    String(text.unicodeScalars.map { $0.value < 0x20 ? " " : Character($0) })
  }
}

/// The text form of a layout, as the catalogue holds it and `--layout` reads it: header lines ("key value", the key in
/// lower case; a line that begins with a space continues the one before), then one line a field, "NAME offset width",
/// in bytes. Numbers are decimal, or hexadecimal after "0x"; "#" begins a comment line.
///
///     id intel-haswell
///     processor Intel Haswell
///     revision 0x12
///     access-rights packed16
///     GUEST_CR3 744 8
extension Layout {
  /// Longest text that is read: far above the 206 fields that exist.
  public static let maximumTextBytes = 1 << 16

  public init(parsing text: String) throws(LayoutError) {
    guard text.utf8.count <= Self.maximumTextBytes else { throw .line(1, "more than \(Self.maximumTextBytes) bytes") }
    var headers = Headers()
    var places: [VMCSField: Place] = [:]
    for (number, line) in Self.logicalLines(text) {
      guard let first = line.utf8.first, first != UInt8(ascii: "#") else { continue }
      if (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) {
        try Self.addField(line, number, to: &places)
      } else {
        let words = line.utf8.split(separator: Self.space, maxSplits: 1).map { Substring($0) }
        try headers.add(String(words[0]), words.count > 1 ? String(words[1]) : "", number, line)
      }
    }
    guard let id = headers.id else { throw .missing(header: "id") }
    guard let form = headers.form else { throw .missing(header: "access-rights") }
    try self.init(
      id: id, processor: headers.processor ?? id, revisionIDs: headers.revisionIDs, accessRights: form, places: places)
    facts = headers.facts
  }

  /// The layout in its text form; parsing it gives the layout again.
  public var text: String {
    var lines = ["id \(id)", "processor \(processor)"]
    if !revisionIDs.isEmpty { lines.append("revision " + revisionIDs.map { hex($0) }.joined(separator: " ")) }
    lines.append("access-rights \(accessRights.rawValue)")
    if let confidence = facts.confidence { lines.append("confidence \(confidence.rawValue)") }
    lines += facts.sources.map { "source \($0)" }
    if let rule = facts.rule { lines.append("rule \(rule)") }
    if !facts.optional.isEmpty { lines.append("optional " + facts.optional.map(\.name).joined(separator: " ")) }
    if !facts.inferred.isEmpty { lines.append("inferred " + facts.inferred.map(\.name).joined(separator: " ")) }
    lines.append("")
    for field in fields {
      if let place = self[field] { lines.append("\(field.name) \(place.offset) \(place.width)") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  // Bytes rather than characters: finding the borders of characters takes most of the time.
  fileprivate static let space = UInt8(ascii: " ")
  private static let blanks: Set<UInt8> = [space, UInt8(ascii: "\t"), UInt8(ascii: "\r")]

  /// Lines with their continuations, numbered from 1 by their first.
  private static func logicalLines(_ text: String) -> [(number: Int, line: String)] {
    var lines: [(number: Int, line: String)] = []
    let all = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, raw) in all.enumerated() {
      let line = trimmed(raw)
      if line.isEmpty { continue }
      if raw.first == space, !lines.isEmpty {
        lines[lines.count - 1].line += " " + line
      } else {
        lines.append((index + 1, String(line)))
      }
    }
    return lines
  }

  private static func trimmed(_ text: Substring.UTF8View) -> Substring {
    var text = text.drop { blanks.contains($0) }
    while let last = text.last, blanks.contains(last) { text.removeLast() }
    return Substring(text)
  }

  private static func addField(
    _ line: String, _ number: Int, to places: inout [VMCSField: Place]
  ) throws(LayoutError) {
    let words = line.utf8.split(separator: space).map { Substring($0) }
    guard words.count == 3, let offset = self.number(words[1]), let width = self.number(words[2]) else {
      throw .line(number, line)
    }
    guard let field = VMCSField(name: words[0]) else { throw .unknownField(line: number, name: String(words[0])) }
    guard places.updateValue(Place(offset: offset, width: width), forKey: field) == nil else {
      throw .repeated(line: number, name: field.name)
    }
  }

  /// A number without sign, decimal or after "0x".
  fileprivate static func number(_ word: Substring) -> Int? {
    let isHex = word.hasPrefix("0x")
    let digits = isHex ? word.dropFirst(2) : word
    guard let first = digits.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: "+") else { return nil }
    return Int(digits, radix: isHex ? 16 : 10)
  }
}

/// The header lines of a layout's text.
private struct Headers {
  var id: String?
  var processor: String?
  var revisionIDs: [UInt32] = []
  var form: AccessRightsForm?
  var facts = Layout.Facts()
  private var seen: Set<String> = []

  mutating func add(_ key: String, _ value: String, _ number: Int, _ line: String) throws(LayoutError) {
    guard !value.isEmpty else { throw .line(number, line) }
    guard key == "source" || seen.insert(key).inserted else { throw .repeated(line: number, name: key) }
    switch key {
    case "id": id = value
    case "processor": processor = value
    case "revision": revisionIDs = try ids(value, number, line)
    case "access-rights":
      form = AccessRightsForm(rawValue: value)
      if form == nil { throw .line(number, line) }
    case "confidence":
      facts.confidence = Layout.Confidence(rawValue: value)
      if facts.confidence == nil { throw .line(number, line) }
    case "source": facts.sources.append(value)
    case "rule": facts.rule = value
    case "optional": facts.optional = try fields(value, number)
    case "inferred": facts.inferred = try fields(value, number)
    default: throw .line(number, line)
    }
  }

  private func ids(_ value: String, _ number: Int, _ line: String) throws(LayoutError) -> [UInt32] {
    var ids: [UInt32] = []
    for word in value.split(separator: " ") {
      guard let id = Layout.number(word), id <= 0x7fff_ffff else { throw .line(number, line) }
      ids.append(UInt32(id))
    }
    return ids
  }

  private func fields(_ value: String, _ number: Int) throws(LayoutError) -> [VMCSField] {
    var fields: [VMCSField] = []
    for word in value.split(separator: " ") {
      guard let field = VMCSField(name: word) else { throw .unknownField(line: number, name: String(word)) }
      fields.append(field)
    }
    return fields
  }
}

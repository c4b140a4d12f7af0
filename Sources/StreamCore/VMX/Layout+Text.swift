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
  static let maximumTextBytes = 1 << 16

  init(parsing text: String) throws(LayoutError) {
    guard text.utf8.count <= Self.maximumTextBytes else { throw .line(1, "more than \(Self.maximumTextBytes) bytes") }
    var headers = Headers()
    var places: [VMCSField: Place] = [:]
    places.reserveCapacity(256)
    let bytes = Array(text.utf8)
    for line in Self.logicalLines(bytes) where line.first != UInt8(ascii: "#") {
      if (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(line.first) {
        try Self.addField(line, bytes, to: &places)
      } else {
        let text = line.text(bytes)
        let words = text.utf8.split(separator: Self.space, maxSplits: 1).map { Substring($0) }
        try headers.add(String(words[0]), words.count > 1 ? String(words[1]) : "", line.number, text)
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
  /// A line without the blanks around it, with those that continue it, numbered from 1.
  private struct Line {
    let number: Int
    let first: UInt8
    let range: Range<Int>
    var continuations: [Range<Int>] = []

    func text(_ bytes: [UInt8]) -> String {
      ([range] + continuations).map { String(decoding: bytes[$0], as: UTF8.self) }.joined(separator: " ")
    }
  }

  private static func logicalLines(_ bytes: [UInt8]) -> [Line] {
    var lines: [Line] = []
    var start = 0
    var number = 0
    while start <= bytes.count {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      number += 1
      var range = start..<end
      while let first = range.first, isBlank(bytes[first]) { range = first + 1..<range.upperBound }
      while let last = range.last, isBlank(bytes[last]) { range = range.lowerBound..<last }
      if let first = range.first {
        if bytes[start] == space, !lines.isEmpty {
          lines[lines.count - 1].continuations.append(range)
        } else {
          lines.append(Line(number: number, first: bytes[first], range: range))
        }
      }
      start = end + 1
    }
    return lines
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == space || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
  }

  private static func addField(
    _ line: Line, _ bytes: [UInt8], to places: inout [VMCSField: Place]
  ) throws(LayoutError) {
    var rest = bytes[line.range]
    let name = takeWord(&rest)
    let words = (takeWord(&rest), takeWord(&rest))
    guard rest.isEmpty, line.continuations.isEmpty, let offset = number(words.0), let width = number(words.1) else {
      throw .line(line.number, line.text(bytes))
    }
    guard let field = VMCSField(name: name) else {
      throw .unknownField(line: line.number, name: String(decoding: name, as: UTF8.self))
    }
    guard places.updateValue(Place(offset: offset, width: width), forKey: field) == nil else {
      throw .repeated(line: line.number, name: field.name)
    }
  }

  /// The word that `rest` begins with; it and the spaces behind it are taken off.
  private static func takeWord(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let end = rest.firstIndex(of: space) ?? rest.endIndex
    let word = rest[..<end]
    rest = rest[end...].drop { $0 == space }
    return word
  }

  /// As below, of the bytes.
  private static func number(_ word: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for byte in word {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), value < 1 << 32 else {
        return number(Substring(decoding: word, as: UTF8.self))
      }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return word.isEmpty ? nil : value
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

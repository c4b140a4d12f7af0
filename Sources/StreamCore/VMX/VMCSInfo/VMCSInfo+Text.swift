/// Version 1: lines `REVISION_ID=d` and `FIELD(GUEST_RIP)=0d7c0d780d740d70`, in any order. Source:
/// Documentation/vmcsinfo.md §2.
extension VMCSInfo {
  init(text: some Collection<UInt8>) throws(VMCSInfoError) {
    var revisionID: UInt32?
    var fields = TextFields()
    for bytes in text.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
      let line = String(decoding: bytes, as: UTF8.self)
      if line.utf8.starts(with: Self.revisionKey.utf8) {
        let id = try Self.revision(line.dropFirst(Self.revisionKey.utf8.count))
        if let revisionID, revisionID != id { throw .revisions(revisionID, id) }
        revisionID = id
      } else {
        fields.add(line)
      }
    }
    guard let revisionID else { throw .noRevision }
    try self.init(
      .text, revisionID: revisionID, VMCSInfoFields(encoded: fields.values), remarks: fields.remarks)
  }

  /// Hexadecimal, with or without `0x`.
  private static func revision(_ text: Substring) throws(VMCSInfoError) -> UInt32 {
    let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text
    guard digits.utf8.allSatisfy(isHexDigit), let id = UInt32(digits, radix: 16) else {
      throw .revision(String(text.prefix(32)))
    }
    return id
  }

  static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }
}

/// The FIELD lines of a text.
private struct TextFields {
  private(set) var values: [VMCSField: UInt64] = [:]
  private var unknown: [String] = []
  private var malformed: [String] = []
  private var contradicting: Set<VMCSField> = []

  /// Lines of another shape are later additions.
  mutating func add(_ line: String) {
    guard line.hasPrefix("FIELD("), let close = line.firstIndex(of: ")") else { return }
    let name = line[..<close].dropFirst("FIELD(".count)
    // The base field has the place of a `_HIGH` half.
    guard line[close...].hasPrefix(")="), !name.hasSuffix("_HIGH") else { return }
    guard let field = VMCSField(name: name) else {
      unknown.append(String(name.prefix(48)))
      return
    }
    let digits = line[close...].dropFirst(2)
    // The count of digits is the width of the VMREAD.
    guard digits.utf8.count == 2 * field.width, digits.utf8.allSatisfy(VMCSInfo.isHexDigit),
      let value = UInt64(digits, radix: 16)
    else {
      malformed.append(field.name)
      return
    }
    if contradicting.contains(field) { return }
    if let before = values.updateValue(value, forKey: field), before != value {
      contradicting.insert(field)
      values[field] = nil
    }
  }

  var remarks: [String] {
    [
      VMCSInfo.remark("names that no VMCS field has, ignored", unknown),
      VMCSInfo.remark("values of a wrong form, left out", malformed),
      VMCSInfo.remark("two values for one field, left out", contradicting.map(\.name)),
    ].compactMap { $0 }
  }
}

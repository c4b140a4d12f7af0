/// Versions 3 to 5: a saved sysfs directory with a file `id` for the revision id and for each field a file that is
/// named by its encoding in four hexadecimal digits and holds its plain offset. Source: Documentation/vmcsinfo.md §4.
extension VMCSInfo {
  /// Whether the directory's file of this name is one of the table's.
  static func isFile(_ name: String) -> Bool {
    name == "id" || name.utf8.count == 4 && name.utf8.allSatisfy(isHexDigit)
  }

  /// - Parameter files: name and text of each; names that are not the table's are ignored.
  static func parse(directory files: [(name: String, text: String)]) throws(VMCSInfoError) -> VMCSInfo {
    let numbers = files.filter { isFile($0.name) }.map { (name: $0.name, number: Number($0.text)) }
    let isHex = numbers.contains { !$0.number.hasPrefix && $0.number.hasLetter }
    var revisionID: UInt32?
    var offsets: [VMCSField: Int] = [:]
    var malformed: [String] = []
    for (name, number) in numbers {
      if name == "id" {
        guard let id = number.value(isHex: isHex).flatMap({ UInt32(exactly: $0) }) else { throw .revision(number.text) }
        revisionID = id
        continue
      }
      // Odd: the upper half of the field before it. Neither can a name that is no field's say anything.
      guard let encoding = UInt16(name, radix: 16), let field = VMCSField(rawValue: encoding), !number.text.isEmpty
      else {
        continue
      }
      guard let offset = number.value(isHex: isHex).flatMap({ Int(exactly: $0) }) else {
        malformed.append(field.name)
        continue
      }
      if offset != 0 { offsets[field] = offset }
    }
    guard let revisionID else { throw .noRevision }
    return try VMCSInfo(
      .directory, revisionID: revisionID,
      VMCSInfoFields(offsets: offsets, accessRights: form(revisionID, offsets)),
      remarks: [remark("files that hold no number, left out", malformed)].compactMap { $0 })
  }

  /// Plain offsets do not tell how access rights are stored: the catalogue does, else where they lie.
  private static func form(_ revisionID: UInt32, _ offsets: [VMCSField: Int]) -> AccessRightsForm {
    if let known = LayoutCatalogue.layouts(revisionID: revisionID).first?.accessRights { return known }
    guard let selector = offsets[.GUEST_CS_SELECTOR], let rights = offsets[.GUEST_CS_AR_BYTES] else { return .rotated }
    return rights > 2 && rights - 2 == selector ? .packed16 : .rotated
  }

  /// The one number of a file.
  private struct Number {
    let text: String

    init(_ text: String) {
      self.text = text.split(whereSeparator: { $0.isWhitespace || $0 == "\0" }).joined(separator: " ")
    }

    var hasPrefix: Bool { text.hasPrefix("0x") }
    var hasLetter: Bool {
      text.utf8.allSatisfy(VMCSInfo.isHexDigit) && text.utf8.contains { $0 > UInt8(ascii: "9") }
    }

    /// `0x` decides for itself.
    func value(isHex: Bool) -> UInt64? {
      let digits = hasPrefix ? text.dropFirst(2) : text[...]
      guard digits.utf8.allSatisfy(VMCSInfo.isHexDigit) else { return nil }
      return UInt64(digits, radix: isHex || hasPrefix ? 16 : 10)
    }
  }
}

/// Text that somebody chose who may mean harm: names, arguments, paths.
public enum HostileText {
  /// The text for people's eyes, in one line: what would move a terminal's cursor, colour it, reorder or hide text is
  /// shown as its bytes, "\x1b".
  public static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isHidden) else { return text }
    return text.unicodeScalars.map { scalar in
      isHidden(scalar) ? String(scalar).utf8.map { "\\x" + digits($0, count: 2) }.joined() : String(scalar)
    }.joined()
  }

  /// JSON in which the characters of its strings that `escaped` would hide are written as numbers: the same document.
  public static func escaped(json: String) -> String {
    guard json.unicodeScalars.contains(where: { isHidden($0) && $0 != "\n" }) else { return json }
    return json.unicodeScalars.map { scalar in
      // The line feeds of a document stand between its strings.
      guard isHidden(scalar), scalar != "\n" else { return String(scalar) }
      return String(scalar).utf16.map { "\\u" + digits($0, count: 4) }.joined()
    }.joined()
  }

  /// Controls, invisible ones of formatting among them, separators of lines, and what has no meaning.
  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7f }
    return switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
    default: false
    }
  }

  private static func digits(_ value: some BinaryInteger, count: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }
}

/// Finds words of Intel's extension in rooms that serve every vendor: in identifiers, by their parts, and in strings.
enum VendorWordCheck {
  static let rooms: Set = ["Guest", "Extraction"]

  /// One line for each word and line.
  static func faults(_ files: [SourceFile]) -> [String] {
    files.filter { rooms.contains(Rooms.room(of: $0.path)) }.flatMap { file in
      file.tokens.filter { $0.kind == .word || $0.kind == .string }.flatMap { token in
        parts(of: token.text).filter(isVendors).map { "\(file.path):\(token.line): \($0) in \(token.text)" }
      }
    }
  }

  /// `ept` must be the whole part, as in `eptPointer`; no other word begins as the other two do.
  private static func isVendors(_ part: String) -> Bool {
    let part = part.lowercased()
    return part == "ept" || part.hasPrefix("vmcs") || part.hasPrefix("vmx")
  }

  /// The words that an identifier is made of: `readEPTEntries` has three. A capitals' plural stays out of the word.
  static func parts(of text: String) -> [String] {
    text.matches(of: /[A-Z]+(?=s?(?![a-z]))|[A-Z]?[a-z]+/).map { String($0.output) }
  }
}

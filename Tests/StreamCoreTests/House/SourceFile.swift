/// One file of the checkout: its path from the checkout's root, and its tokens.
struct SourceFile {
  let path: String
  let tokens: [SourceToken]

  /// Swift, or C where the name says so.
  init(_ path: String, _ text: String) {
    self.path = path
    tokens = SourceLexer.tokens(of: text, path.hasSuffix(".swift") ? .swift : .c)
  }

  /// A shell's script or Python, of which only comments are told apart: lines that begin with '#', and Python's
  /// documentation between triple quotes.
  init(script path: String, _ text: String) {
    self.path = path
    var tokens: [SourceToken] = []
    var isQuoted = false
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = line.drop { $0 == " " }
      let quotes = line.matches(of: /"{3}/).count
      if isQuoted || line.hasPrefix("#") || line.hasPrefix("\"\"\"") {
        tokens.append(SourceToken(kind: .comment, text: String(line.drop { $0 == "#" }), line: index + 1))
      }
      if !quotes.isMultiple(of: 2) { isQuoted.toggle() }
    }
    self.tokens = tokens
  }
}

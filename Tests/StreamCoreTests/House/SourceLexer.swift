/// Cuts Swift or C into tokens. It does not know Swift's regex literals, of which the sources have none.
struct SourceLexer {
  enum Language { case swift, c }

  private let bytes: [UInt8]
  private let language: Language
  private var place = 0
  private var line = 1
  private var tokens: [SourceToken] = []

  static func tokens(of text: String, _ language: Language = .swift) -> [SourceToken] {
    var lexer = SourceLexer(bytes: Array(text.utf8), language: language)
    lexer.code()
    return lexer.tokens
  }

  private init(bytes: [UInt8], language: Language) {
    self.bytes = bytes
    self.language = language
  }

  /// Reads on to the end, or to the end of the parenthesis that an interpolation begins with.
  private mutating func code(interpolated: Bool = false) {
    var open = 0
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "\n"), UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "`"): step()
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"): lineComment()
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): blockComment()
      case UInt8(ascii: "\""): string()
      case UInt8(ascii: "#") where peek(hashes()) == UInt8(ascii: "\""): string()
      case UInt8(ascii: "'") where language == .c: character()
      case _ where isWord(byte): word()
      default:
        open += byte == UInt8(ascii: "(") ? 1 : byte == UInt8(ascii: ")") ? -1 : 0
        add(.mark, from: place, to: place + 1)
        step()
        if interpolated, open == 0 { return }
      }
    }
  }

  private mutating func word() {
    let start = place
    while let byte = peek(), isWord(byte) { step() }
    add(.word, from: start, to: place)
  }

  private mutating func lineComment() {
    while peek() == UInt8(ascii: "/") { step() }
    let start = place
    while let byte = peek(), byte != UInt8(ascii: "\n") { step() }
    add(.comment, from: start, to: place)
  }

  private mutating func blockComment() {
    var depth = 0
    var start = place
    while let byte = peek() {
      if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*"), language == .swift || depth == 0 {
        depth += 1
        step(2)
        if depth == 1 { start = place }
      } else if byte == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        depth -= 1
        if depth == 0 { break }
        step(2)
      } else {
        if byte == UInt8(ascii: "\n") {
          add(.comment, from: start, to: place)
          start = place + 1
        }
        step()
      }
    }
    add(.comment, from: start, to: place)
    step(2)
  }

  private mutating func string() {
    let hashes = hashes()
    step(hashes)
    let quotes = beginsManyLines() ? 3 : 1
    step(quotes)
    var start = place
    var began = line
    while let byte = peek(), byte != UInt8(ascii: "\n") || quotes == 3 {
      if byte == UInt8(ascii: "\""), ends(quotes: quotes, hashes: hashes) { break }
      guard byte == UInt8(ascii: "\\"), count(UInt8(ascii: "#"), from: 1) >= hashes else {
        step()
        continue
      }
      let escaped = peek(1 + hashes)
      if escaped == UInt8(ascii: "("), language == .swift {
        add(.string, from: start, to: place, line: began)
        step(1 + hashes)
        code(interpolated: true)
        start = place
        began = line
      } else {
        step(2 + hashes)
      }
    }
    add(.string, from: start, to: place, line: began)
    if peek() == UInt8(ascii: "\"") { step(quotes + hashes) }
  }

  /// A character constant of C.
  private mutating func character() {
    step()
    while let byte = peek(), byte != UInt8(ascii: "'"), byte != UInt8(ascii: "\n") {
      step(byte == UInt8(ascii: "\\") ? 2 : 1)
    }
    step()
  }

  /// Three quotes, and no more on their line.
  private func beginsManyLines() -> Bool {
    guard count(UInt8(ascii: "\""), from: 0) == 3 else { return false }
    var ahead = 3
    while peek(ahead) == UInt8(ascii: " ") { ahead += 1 }
    return peek(ahead) == UInt8(ascii: "\n")
  }

  private func ends(quotes: Int, hashes: Int) -> Bool {
    count(UInt8(ascii: "\""), from: 0) >= quotes && count(UInt8(ascii: "#"), from: quotes) >= hashes
  }

  private func hashes() -> Int { count(UInt8(ascii: "#"), from: 0) }

  private func count(_ byte: UInt8, from ahead: Int) -> Int {
    var count = 0
    while peek(ahead + count) == byte { count += 1 }
    return count
  }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...: true
    default: false
    }
  }

  private func peek(_ ahead: Int = 0) -> UInt8? { place + ahead < bytes.count ? bytes[place + ahead] : nil }

  private mutating func step(_ count: Int = 1) {
    for _ in 0..<count where place < bytes.count {
      if bytes[place] == UInt8(ascii: "\n") { line += 1 }
      place += 1
    }
  }

  private mutating func add(_ kind: SourceToken.Kind, from start: Int, to end: Int, line: Int? = nil) {
    let text = String(decoding: bytes[start..<end], as: UTF8.self)
    tokens.append(SourceToken(kind: kind, text: text, line: line ?? self.line))
  }
}

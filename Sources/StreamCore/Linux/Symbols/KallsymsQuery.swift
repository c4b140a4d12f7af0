/// Names that are looked for in kallsyms, and which tokens they can begin and end with.
struct KallsymsQuery {
  /// With more names than this, nearly every token can begin one, and finding out which costs more than it saves.
  private static let filterLimit = 256

  /// For each token, whether a type's letter and a wanted name can begin with it.
  let canBegin: [Bool]
  /// For each token, whether a wanted name can end with it.
  let canEnd: [Bool]
  private let names: [[UInt8]: String]
  /// Whether a wanted name has so many characters, the type's letter included.
  private let lengths: [Bool]

  init(_ wanted: Set<String>, _ tokens: KallsymsTokens) {
    var names: [[UInt8]: String] = [:]
    for name in wanted { names[Array(name.utf8)] = name }
    self.names = names
    let counts = Set(names.keys.map { $0.count + 1 })
    lengths = (0...(counts.max() ?? 0)).map(counts.contains)
    let texts = (0...UInt8.max).map { tokens[$0] }
    guard names.count <= Self.filterLimit else {
      canBegin = Array(repeating: true, count: texts.count)
      canEnd = canBegin
      return
    }
    // What a damaged name holds in a token without text is told by its length.
    canBegin = texts.map { text in
      text.isEmpty || names.keys.contains { $0.starts(with: text.dropFirst()) }
    }
    canEnd = texts.map { text in
      names.keys.contains { name in
        // The whole name with its type's letter can be one token.
        name.count < text.count ? text.dropFirst().elementsEqual(name) : name.suffix(text.count) == text
      }
    }
  }

  func hasLength(_ count: Int) -> Bool { count < lengths.count && lengths[count] }

  /// - Parameter text: the type's letter and the name.
  func name(_ text: [UInt8]) -> String? { names[Array(text.dropFirst())] }
}

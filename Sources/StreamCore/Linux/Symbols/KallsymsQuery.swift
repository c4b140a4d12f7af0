/// Names that are looked for in kallsyms, and which tokens they can begin and end with.
struct KallsymsQuery {
  /// With more names than this, nearly every token can begin one, and finding out which costs more than it saves.
  private static let filterLimit = 256

  /// For each token, whether a type's letter and a wanted name can begin with it.
  let canBegin: [Bool]
  /// For each token, whether a wanted name can end with it.
  let canEnd: [Bool]
  private let names: [[UInt8]: String]
  /// By how many characters they have, the type's letter included: one bit for each last character.
  private let lasts: [SIMD4<UInt64>]
  /// By how many characters they have, the type's letter included.
  private let byLength: [[(bytes: [UInt8], name: String)]]

  init(_ wanted: Set<String>, _ tokens: KallsymsTokens) {
    let names = Dictionary(wanted.map { (Array($0.utf8), $0) }) { first, _ in first }
    self.names = names
    var byLength: [[(bytes: [UInt8], name: String)]] = []
    byLength = Array(repeating: [], count: (names.keys.map(\.count).max() ?? 0) + 2)
    for (bytes, name) in names { byLength[bytes.count + 1].append((bytes, name)) }
    self.byLength = byLength
    lasts = byLength.map { names in
      names.reduce(into: SIMD4()) { bits, name in
        let last = name.bytes.last ?? 0
        bits[Int(last >> 6)] |= 1 << UInt64(last & 63)
      }
    }
    guard names.count <= Self.filterLimit else {
      canBegin = Array(repeating: true, count: KallsymsTokens.count)
      canEnd = canBegin
      return
    }
    // Names by their first and by their last character, for 256 tokens are held against them.
    var byFirst: [[[UInt8]]] = Array(repeating: [], count: 256)
    var byLast = byFirst
    for name in names.keys {
      guard let first = name.first, let last = name.last else { continue }
      byFirst[Int(first)].append(name)
      byLast[Int(last)].append(name)
    }
    let texts = (0...UInt8.max).map { Array(tokens[$0]) }
    let hasEmpty = names[[]] != nil
    canBegin = texts.map { text in
      // A token without text, which a damaged name can have, or with the letter alone rules nothing out.
      text.count < 2 || byFirst[Int(text[1])].contains { $0.starts(with: text[1...]) }
    }
    canEnd = texts.map { text in
      guard let last = text.last else { return true }
      // The whole name with its type's letter can be one token.
      return byLast[Int(last)].contains { name in
        name.count < text.count ? name[...] == text[1...] : name.suffix(text.count) == text[...]
      } || text.count == 1 && hasEmpty
    }
  }

  /// The wanted name that tokens spell.
  /// - Parameters:
  ///   - length: characters of all tokens together.
  ///   - last: the last of these characters, 0 for none.
  ///   - places: of the tokens' numbers in `codes`.
  @inline(__always)
  func name(
    of length: Int, last: UInt8, _ codes: [UInt8], _ places: Range<Int>, _ tokens: KallsymsTokens
  ) -> String? {
    guard length < lasts.count, lasts[length][Int(last >> 6)] >> UInt64(last & 63) & 1 == 1 || length == 1 else {
      return nil
    }
    return name(of: length, codes, places, tokens)
  }

  private func name(of length: Int, _ codes: [UInt8], _ places: Range<Int>, _ tokens: KallsymsTokens) -> String? {
    if names.count <= Self.filterLimit {
      return byLength[length].first { tokens.spell($0.bytes, codes, places) }?.name
    }
    var text: [UInt8] = []
    text.reserveCapacity(length)
    for place in places { text += tokens[codes[place]] }
    return names[Array(text.dropFirst())]
  }
}

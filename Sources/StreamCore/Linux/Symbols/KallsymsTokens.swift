/// The 256 texts that kallsyms' names are made of: kallsyms_token_table has them with a NUL behind each, and
/// kallsyms_token_index says where each begins. A text is whole, it names no other token.
/// Source: scripts/kallsyms.c, write_src; kernel/kallsyms.c, kallsyms_expand_symbol.
struct KallsymsTokens: Sendable {
  static let count = 256
  /// Bytes of the index: a u16 for each token.
  static let indexBytes = 2 * count
  /// From one token's start to the next, bytes at most: no text is longer than a name. Source: Documentation/kvm.md §9.
  static let stepLimit = 513

  /// Characters of each token.
  let sizes: [Int]
  /// The last character of each token, 0 for none.
  let lasts: [UInt8]
  private let starts: [Int]
  private let table: [UInt8]

  /// `nil` unless the index ascends from 0 and the table has a NUL before each start and nowhere else.
  /// - Parameter table: what is behind the last text does not count.
  init?(index: [UInt8], table: [UInt8]) {
    guard let starts = Self.starts(index) else { return nil }
    var sizes: [Int] = []
    for token in 0..<Self.count {
      let start = starts[token]
      let limit = token + 1 < Self.count ? starts[token + 1] : start + Self.stepLimit
      guard start < table.count,
        let end = table[start..<min(limit, table.count)].firstIndex(of: 0),
        token + 1 == Self.count || end == limit - 1
      else { return nil }
      sizes.append(end - start)
    }
    self.sizes = sizes
    lasts = zip(starts, sizes).map { $1 == 0 ? 0 : table[$0 + $1 - 1] }
    self.starts = starts
    self.table = table
  }

  /// Where each token begins, `nil` unless the numbers ascend from 0 in steps that texts have.
  static func starts(_ index: [UInt8]) -> [Int]? {
    guard index.count >= indexBytes else { return nil }
    let starts = (0..<count).map { Int(index.load($0 * 2, as: UInt16.self) ?? 0) }
    guard starts[0] == 0, zip(starts, starts.dropFirst()).allSatisfy({ (1...stepLimit).contains($1 - $0) }) else {
      return nil
    }
    return starts
  }

  /// The text of a token.
  subscript(token: UInt8) -> ArraySlice<UInt8> {
    let start = starts[Int(token)]
    return table[start..<start + sizes[Int(token)]]
  }

  /// Whether the tokens of these numbers, in a row, are a type's letter and the name.
  func spell(_ name: [UInt8], _ codes: [UInt8], _ places: Range<Int>) -> Bool {
    // The letter stands before the name's start.
    var at = -1
    for place in places {
      let token = Int(codes[place])
      let start = starts[token]
      for character in start..<start + sizes[token] {
        guard at < name.count else { return false }
        if at >= 0, table[character] != name[at] { return false }
        at += 1
      }
    }
    return at == name.count
  }

  /// Bytes of the table, the last NUL included.
  var byteCount: Int { starts[Self.count - 1] + sizes[Self.count - 1] + 1 }
}

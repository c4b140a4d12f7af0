/// The words of one line. Numbers are decimal or 0x…, may end in K, M, G or T, and may be sums: `4G+8M`. Ranges are
/// `a-b`, end exclusive.
package struct RecipeWords {
  package let line: Int
  package let text: String
  package let isIndented: Bool
  private let words: [Substring]
  private var at = 0

  package init(line: Int, text: Substring) {
    self.line = line
    self.text = String(text)
    isIndented = text.first == " "
    words = text.prefix { $0 != "#" }.split(separator: " ")
  }

  package var isEmpty: Bool { at >= words.count }

  package mutating func next() -> String? {
    guard !isEmpty else { return nil }
    at += 1
    return String(words[at - 1])
  }

  package mutating func word(_ what: String) throws(RecipeMistake) -> String {
    guard let word = next() else { throw mistake("\(what) is missing") }
    return word
  }

  /// Takes the next word when it is this one.
  package mutating func take(_ word: String) -> Bool {
    guard !isEmpty && words[at] == word else { return false }
    at += 1
    return true
  }

  package mutating func number(_ what: String) throws(RecipeMistake) -> UInt64 {
    let word = try word(what)
    guard let number = RecipeWords.number(word) else { throw mistake("\(what): '\(word)' is no number") }
    return number
  }

  package mutating func range(_ what: String) throws(RecipeMistake) -> Range<UInt64> {
    guard let range = takeRange() else { throw mistake("\(what): a range a-b is missing") }
    return range
  }

  /// One range or more; `512M` alone is 0 to 512M.
  package mutating func ranges(_ what: String) throws(RecipeMistake) -> [Range<UInt64>] {
    var found: [Range<UInt64>] = []
    while let range = takeRange() { found.append(range) }
    if found.isEmpty { found = [0..<(try number(what))] }
    for (one, next) in zip(found, found.dropFirst()) where one.upperBound > next.lowerBound {
      throw mistake("\(what): ranges must ascend")
    }
    guard found.allSatisfy({ !$0.isEmpty && $0.lowerBound & 0xfff == 0 && $0.upperBound & 0xfff == 0 }) else {
      throw mistake("\(what): ranges must be whole pages")
    }
    return found
  }

  private mutating func takeRange() -> Range<UInt64>? {
    guard !isEmpty else { return nil }
    let ends = words[at].split(separator: "-")
    guard ends.count == 2, let low = RecipeWords.number(ends[0]), let high = RecipeWords.number(ends[1]), low <= high
    else { return nil }
    at += 1
    return low..<high
  }

  package func mistake(_ reason: String) -> RecipeMistake { RecipeMistake(line: line, text: reason) }

  private static func number(_ text: some StringProtocol) -> UInt64? {
    var sum: UInt64 = 0
    for term in text.split(separator: "+", omittingEmptySubsequences: false) {
      guard let value = termValue(String(term)), value <= UInt64.max - sum else { return nil }
      sum += value
    }
    return sum
  }

  private static func termValue(_ term: String) -> UInt64? {
    if term.hasPrefix("0x") { return UInt64(term.dropFirst(2), radix: 16) }
    let shifts: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
    guard let last = term.last, let shift = shifts[last] else { return UInt64(term) }
    guard let value = UInt64(term.dropLast()), value < 1 << 20 else { return nil }
    return value << shift
  }
}

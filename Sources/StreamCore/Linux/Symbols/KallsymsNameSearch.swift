/// Looks for kallsyms' number of symbols and names in what stands before the texts of the tokens: any number n that is
/// followed by n names, and those by the markers, which say where each 256th name begins.
/// Source: scripts/kallsyms.c, write_src; Documentation/kvm.md §9.
struct KallsymsNameSearch {
  /// Bytes that are parsed as names at most, over all places that are tried.
  static let budget = 512 << 20
  /// What stands between the names' start and the texts, for each symbol: its name, a share of a marker, and in 6.2 and
  /// 6.3 three bytes of its place in the order by name.
  private static let bytesPerSymbol = 64
  private static let bytesBeside = 16 << 10
  /// Letters of symbols' types. Source: nm(1).
  private static let letters = Set("ABCDGINRSTUVWabcdginrstuvw?".utf8)
  /// What is read at first, bytes; then four times as much, up to the limit.
  private static let firstWindow = 4 << 20

  private let tokens: KallsymsTokens
  private let end: VirtualAddress
  private let kernel: LinuxKernel
  /// For each token, whether a symbol can begin with it.
  private let canBegin: [Bool]
  private(set) var budget: Int

  /// The bytes before `end`, as far as they were read.
  private var bytes: [UInt8] = []
  private var limit = firstWindow
  /// How far before `end` the next place is that is tried.
  private var distance: Int

  /// - Parameter end: where the tokens' texts begin.
  init(tokens: KallsymsTokens, before end: VirtualAddress, kernel: LinuxKernel, budget: Int) {
    self.tokens = tokens
    self.end = end
    self.kernel = kernel
    self.budget = budget
    canBegin = (0...UInt8.max).map { tokens[$0].first.map(Self.letters.contains) ?? false }
    bytes = kernel.readable(before: end, upTo: limit)
    // All tables stand at multiples of 4 at least.
    distance = 8 + Int(end.rawValue & 3)
  }

  /// The next place, going back from the texts, with the address of its number of symbols.
  mutating func next() -> (tables: KallsymsTables, count: VirtualAddress)? {
    while budget > 0 {
      guard distance <= bytes.count else {
        guard widen() else { return nil }
        continue
      }
      let tried = distance
      let at = bytes.count - tried
      distance += 4
      // Nothing else has this many names before the texts.
      guard let number: UInt32 = bytes.load(at), number >= 2, number <= tried / 2,
        number <= KallsymsNames.symbolLimit, tried - Self.bytesBeside <= Int(number) * Self.bytesPerSymbol
      else { continue }
      let isPadded = bytes.load(at + 4, as: UInt32.self) == 0
      let start = at + (isPadded ? 8 : 4)
      guard let names = names(Int(number), from: start) else { continue }
      let found = KallsymsNames(count: Int(number), tokens: tokens, bytes: Array(bytes[start..<names]))
      return (KallsymsTables(names: found), end &- UInt64(tried))
    }
    return nil
  }

  /// Reads further back, `false` where there is no more.
  private mutating func widen() -> Bool {
    guard bytes.count == limit, limit < KallsymsNames.byteLimit else { return false }
    limit = min(limit * 4, KallsymsNames.byteLimit)
    let before = bytes.count
    bytes = kernel.readable(before: end, upTo: limit)
    return bytes.count > before
  }

  /// Where `count` names end that begin at `start`, if they parse and markers follow.
  private mutating func names(_ count: Int, from start: Int) -> Int? {
    var at = start
    defer { budget -= at - start + 1 }
    var marks: [Int] = []
    for number in 0..<count {
      if number & 0xff == 0 { marks.append(at - start) }
      guard let next = KallsymsNames.next(bytes, at), next.length > 0, canBegin[Int(bytes[next.start])] else {
        return nil
      }
      at = next.end
    }
    return [4, 8].contains { hasMarkers(marks, behind: at, size: $0) } ? at : nil
  }

  /// - Parameter size: of a marker, bytes: 4, and 8 before 5.0.
  private func hasMarkers(_ marks: [Int], behind names: Int, size: Int) -> Bool {
    // Their alignment: 8, and 4 since 7.0.
    [4, 8].contains { alignment in
      let address = end.rawValue &- UInt64(bytes.count - names)
      let start = names + Int((UInt64(alignment) &- address) & UInt64(alignment - 1))
      return marks.indices.allSatisfy { index in
        let place = start + index * size
        let mark = size == 4 ? bytes.load(place, as: UInt32.self).map(UInt64.init) : bytes.load(place, as: UInt64.self)
        return mark == UInt64(marks[index])
      }
    }
  }
}

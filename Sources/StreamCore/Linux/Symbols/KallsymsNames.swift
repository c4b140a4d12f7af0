/// kallsyms' compressed names: for each symbol a length (a byte, or two when bit 7 is set, since 6.1), and so many
/// numbers of tokens, whose texts in a row are the type's letter and the name. They are kept as they stand.
/// Source: kernel/kallsyms.c, kallsyms_expand_symbol; scripts/kallsyms.c; Documentation/kvm.md §5.2.
struct KallsymsNames: Sendable {
  /// Symbols of one kernel at most: a distribution's has 200,000.
  static let symbolLimit = 1 << 22
  /// Bytes of all names at most; 200,000 take 2.6 MB.
  static let byteLimit = 64 << 20
  /// Tokens of a name at most: a name has 512 characters (KSYM_NAME_LEN, 6.1).
  private static let tokenLimit = 1024
  /// Bytes read at once, for the table's length is known only when it has been gone through.
  private static let step = 64 << 10

  /// Names that one worker looks through at once.
  private static let partNames = 1 << 14

  let count: Int
  let tokens: KallsymsTokens
  private let bytes: [UInt8]
  /// Where each `partNames`th name begins.
  private let parts: [Int]

  /// - Parameters:
  ///   - bytes: `count` names that were gone through.
  ///   - parts: where each `partNames`th begins, where that is known.
  init(count: Int, tokens: KallsymsTokens, bytes: [UInt8], parts: [Int] = []) {
    self.count = count
    self.tokens = tokens
    self.bytes = bytes
    self.parts = parts
  }

  /// Reads names from an address on until there are `count`.
  /// - Parameter end: no name is behind it, where that is known.
  init(
    at address: VirtualAddress, before end: VirtualAddress?, count: Int, tokens: KallsymsTokens, kernel: LinuxKernel,
    workers: Workers
  ) throws(KernelSymbolsFault) {
    // Room that is not written to costs nothing.
    let expected = min(Self.byteLimit, count * 16)
    var bytes: [UInt8] = []
    if workers.count > 1, let end, end.rawValue > address.rawValue {
      bytes = kernel.readable(address, upTo: min(expected, Int(clamping: end.rawValue - address.rawValue)), workers)
    }
    bytes.reserveCapacity(expected)
    var at = 0
    var number = 0
    var parts: [Int] = []
    while number < count {
      if let next = Self.next(bytes, at) {
        if number % Self.partNames == 0, parts.count == number / Self.partNames { parts.append(at) }
        guard next.length > 0 else { throw .name(number, at: address &+ UInt64(at)) }
        number += 1
        at = next.end
        continue
      }
      if Self.isTooLong(bytes, at) { throw .name(number, at: address &+ UInt64(at)) }
      let room = Self.byteLimit - bytes.count
      guard room > 0 else { throw .namesTooLong(at: address) }
      let before = bytes.count
      let fault = kernel.append(address &+ UInt64(before), upTo: min(Self.step, room), to: &bytes)
      // The end of what can be read may lie behind the last name.
      if bytes.count == before, let fault { throw .unreadable(table: "kallsyms_names", fault) }
    }
    bytes.removeLast(bytes.count - at)
    self.init(count: count, tokens: tokens, bytes: bytes, parts: parts)
  }

  /// Where the name at `at` has its tokens, and how many; `nil` unless it is there whole.
  @inline(__always)
  static func next(_ bytes: [UInt8], _ at: Int) -> (start: Int, length: Int, end: Int)? {
    guard at < bytes.count else { return nil }
    var length = Int(bytes[at])
    var start = at + 1
    if length & 0x80 != 0 {
      guard start < bytes.count else { return nil }
      length = length & 0x7f | Int(bytes[start]) << 7
      start += 1
    }
    guard length <= tokenLimit, length <= bytes.count - start else { return nil }
    return (start, length, start + length)
  }

  private static func isTooLong(_ bytes: [UInt8], _ at: Int) -> Bool {
    guard let first = bytes.load(at, as: UInt8.self), first & 0x80 != 0,
      let second = bytes.load(at + 1, as: UInt8.self)
    else { return false }
    return Int(first & 0x7f) | Int(second) << 7 > tokenLimit
  }

  /// The name of a symbol by its number; `nil` where the table has no such name. Goes through all before it.
  func name(at number: Int) -> String? {
    var at = 0
    for _ in 0..<number {
      guard let next = Self.next(bytes, at), next.length > 0 else { return nil }
      at = next.end
    }
    guard number < count, let next = Self.next(bytes, at) else { return nil }
    let text = bytes[next.start..<next.end].flatMap { tokens[$0] }
    // The first character is the type's letter.
    return text.isEmpty ? nil : String(decoding: text.dropFirst(), as: UTF8.self)
  }

  /// The numbers of the symbols with these names, ascending, in one pass. Most names are ruled out by their first and
  /// last token, for no wanted name begins or ends so, or by their length.
  func find(_ wanted: Set<String>, _ workers: Workers = .alone) -> [String: [Int]] {
    let query = KallsymsQuery(wanted, tokens)
    guard workers.count > 1, parts.count > 1 else { return find(query, 0..<count, from: 0) }
    let found = workers.mapAll(parts.count) { part in
      let first = part * Self.partNames
      return find(query, first..<min(count, first + Self.partNames), from: parts[part])
    }
    return found.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
  }

  private func find(_ query: KallsymsQuery, _ numbers: Range<Int>, from start: Int) -> [String: [Int]] {
    let canBegin = query.canBegin
    let canEnd = query.canEnd
    let sizes = tokens.sizes
    let lasts = tokens.lasts
    var found: [String: [Int]] = [:]
    var at = start
    for number in numbers {
      guard let next = Self.next(bytes, at), next.length > 0 else { break }
      at = next.end
      guard canEnd[Int(bytes[next.end - 1])], canBegin[Int(bytes[next.start])] else { continue }
      var total = 0
      for place in next.start..<next.end { total &+= sizes[Int(bytes[place])] }
      let last = lasts[Int(bytes[next.end - 1])]
      if let name = query.name(of: total, last: last, bytes, next.start..<next.end, tokens) {
        found[name, default: []].append(number)
      }
    }
    return found
  }
}

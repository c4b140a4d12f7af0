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

  let count: Int
  let tokens: KallsymsTokens
  private let bytes: [UInt8]

  /// - Parameter bytes: `count` names that were gone through.
  init(count: Int, tokens: KallsymsTokens, bytes: [UInt8]) {
    self.count = count
    self.tokens = tokens
    self.bytes = bytes
  }

  /// Reads names from an address on until there are `count`.
  init(
    at address: VirtualAddress, count: Int, tokens: KallsymsTokens, kernel: LinuxKernel
  ) throws(KernelSymbolsFault) {
    var bytes: [UInt8] = []
    // Room that is not written to costs nothing.
    bytes.reserveCapacity(min(Self.byteLimit, count * 16))
    var at = 0
    var number = 0
    while number < count {
      if let next = Self.next(bytes, at) {
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
    self.init(count: count, tokens: tokens, bytes: bytes)
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
  func find(_ wanted: Set<String>) -> [String: [Int]] {
    let query = KallsymsQuery(wanted, tokens)
    let canBegin = query.canBegin
    let canEnd = query.canEnd
    let sizes = tokens.sizes
    let lasts = tokens.lasts
    var found: [String: [Int]] = [:]
    var at = 0
    for number in 0..<count {
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

/// Writes type information for tests, apart from the reader: numbers of kinds and words as in include/uapi/linux/btf.h.
struct BTFWriter {
  private(set) var types: [UInt8] = []
  private(set) var strings: [UInt8]
  private var known: [String: UInt32] = [:]
  private(set) var nextID: UInt32
  private let firstString: UInt32

  init() {
    strings = [0]
    nextID = 1
    firstString = 0
  }

  /// Split: what comes behind another one's.
  init(behind base: BTFWriter) {
    strings = []
    known = base.known
    nextID = base.nextID
    firstString = base.firstString + UInt32(base.strings.count)
  }

  mutating func string(_ text: String) -> UInt32 {
    if text.isEmpty { return 0 }
    if let offset = known[text] { return offset }
    let offset = firstString + UInt32(strings.count)
    known[text] = offset
    strings += Array(text.utf8) + [0]
    return offset
  }

  private static func word(_ value: UInt32) -> [UInt8] {
    [UInt8(value & 255), UInt8(value >> 8 & 255), UInt8(value >> 16 & 255), UInt8(value >> 24)]
  }

  /// Any record: three words, then what belongs to its kind.
  @discardableResult
  mutating func add(
    kind: UInt32, _ name: String = "", count: Int = 0, flag: Bool = false, third: UInt32 = 0, _ words: [UInt32] = []
  ) -> UInt32 {
    let info = kind << 24 | UInt32(count) | (flag ? 1 << 31 : 0)
    for value in [string(name), info, third] + words { types += Self.word(value) }
    nextID += 1
    return nextID - 1
  }

  mutating func int(_ name: String, size: UInt32, signed: Bool = false, bits: UInt32? = nil, at: UInt32 = 0) -> UInt32 {
    add(kind: 1, name, third: size, [(signed ? 1 << 24 : 0) | at << 16 | (bits ?? size * 8)])
  }
  mutating func pointer(to type: UInt32) -> UInt32 { add(kind: 2, third: type) }
  mutating func array(of type: UInt32, _ count: UInt32) -> UInt32 { add(kind: 3, "", [type, 1, count]) }

  /// A member: name, type, bits from the start, bits of a bit-field.
  typealias Member = (name: String, type: UInt32, bit: UInt32, bits: UInt32)

  /// `bitFields` writes offsets in the form that has sizes too.
  mutating func structure(
    _ name: String, size: UInt32, union: Bool = false, bitFields: Bool = false, _ members: [Member]
  ) -> UInt32 {
    var words: [UInt32] = []
    for member in members {
      words += [string(member.name), member.type, bitFields ? member.bits << 24 | member.bit : member.bit]
    }
    return add(kind: union ? 5 : 4, name, count: members.count, flag: bitFields, third: size, words)
  }

  /// Plain members: name, type, bytes from the start.
  mutating func structure(_ name: String, size: UInt32, _ members: [(String, UInt32, UInt32)]) -> UInt32 {
    structure(name, size: size, members.map { ($0.0, $0.1, $0.2 * 8, 0) })
  }

  var bytes: [UInt8] {
    let header: [UInt32] = [0x0001_eb9f, 24, 0, UInt32(types.count), UInt32(types.count), UInt32(strings.count)]
    return header.flatMap(Self.word) + types + strings
  }
}

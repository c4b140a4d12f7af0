/// The table of symbols of an ELF file, as it stands there: names are looked for in one pass over it, and nothing is
/// kept of a symbol that nobody asks for. Source: elf(5), Elf64_Sym.
struct ObjectSymbols: Sendable {
  /// A symbol's value as the file has it, and the number of the section that it belongs to.
  struct Value: Sendable, Hashable {
    var value: UInt64
    var section: Int
  }

  /// Symbols of one file at most; a vmlinux has 120,000.
  static let symbolLimit: UInt64 = 1 << 22
  /// Bytes of all names at most; 120,000 take 2.5 MB.
  static let nameLimit: UInt64 = 64 << 20
  /// Different values of one name that are told apart: the more there are, the less it is known.
  private static let valueLimit = 64
  private static let symbolBytes = 24
  /// Symbols that are looked at in one piece.
  private static let step = 1 << 15

  let count: Int
  private let file: InputFile
  private let symbols: UInt64
  private let names: (offset: UInt64, size: Int)

  /// `nil` without a table whose bytes are in the file, or with more than any kernel has.
  init?(_ object: ObjectFile) {
    // SHT_SYMTAB.
    guard let table = object.sections.first(where: { $0.type == 2 && $0.isStored }),
      case let count = table.size / UInt64(Self.symbolBytes), (2...Self.symbolLimit).contains(count),
      Int(table.link) < object.sections.count, case let text = object.sections[Int(table.link)], text.isStored,
      text.size <= Self.nameLimit
    else { return nil }
    self.count = Int(count)
    file = object.file
    symbols = table.offset
    names = (text.offset, Int(text.size))
  }

  /// The different values of the names that there are. Symbols that the file only uses are not its own, and those of
  /// no section (SHN_ABS, SHN_COMMON) have no place.
  func values(of wanted: Set<String>) -> [String: [Value]] {
    // The first character of a name: the names that begin so.
    var byInitial: [[(bytes: [UInt8], name: String)]] = Array(repeating: [], count: 256)
    for name in wanted {
      let bytes = Array(name.utf8)
      if let first = bytes.first { byInitial[Int(first)].append((bytes, name)) }
    }
    var found: [String: [Value]] = [:]
    // A read that fails is kept by the file, and whoever ends the step throws it.
    try? file.lend(at: names.offset, count: names.size) { text in
      for first in stride(from: 0, to: count, by: Self.step) {
        let size = min(Self.step, count - first) * Self.symbolBytes
        try file.lend(at: symbols + UInt64(first * Self.symbolBytes), count: size) { table in
          Self.look(table, text, byInitial) { name, value in
            let known = found[name, default: []]
            if known.count < Self.valueLimit, !known.contains(value) { found[name, default: []].append(value) }
          }
        }
      }
    }
    return found
  }

  /// The symbol at the highest value not above an address; of several there, the first.
  func symbol(before address: UInt64) -> NearestSymbol? {
    var best: (value: UInt64, name: Int)?
    var name: String?
    try? file.lend(at: names.offset, count: names.size) { text in
      for first in stride(from: 0, to: count, by: Self.step) {
        let size = min(Self.step, count - first) * Self.symbolBytes
        try file.lend(at: symbols + UInt64(first * Self.symbolBytes), count: size) { table in
          for at in stride(from: 0, through: table.byteCount - Self.symbolBytes, by: Self.symbolBytes) {
            guard let symbol = Self.symbol(table, at), symbol.value <= address, best?.value ?? 0 < symbol.value,
              text.load(symbol.name, as: UInt8.self) ?? 0 != 0
            else { continue }
            best = symbol
          }
        }
      }
      name = best.map { Self.text(text, at: $0.name) }
    }
    guard let best, let name else { return nil }
    return NearestSymbol(name: name, offset: address - best.value)
  }

  /// A symbol of the file's own that has a place, and where its name begins.
  private static func symbol(_ table: RawSpan, _ at: Int) -> (value: UInt64, name: Int)? {
    guard let name: UInt32 = table.load(at), let info: UInt8 = table.load(at + 4), info & 15 <= 2,
      let section: UInt16 = table.load(at + 6), (1..<0xff00).contains(section), let value: UInt64 = table.load(at + 8)
    else { return nil }
    return (value, Int(name))
  }

  /// Bytes of a name that are shown. Source: KSYM_NAME_LEN.
  private static let nameBytes = 512

  private static func text(_ text: RawSpan, at start: Int) -> String {
    var bytes: [UInt8] = []
    while bytes.count < nameBytes, let byte: UInt8 = text.load(start + bytes.count), byte != 0 { bytes.append(byte) }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func look(
    _ table: RawSpan, _ text: RawSpan, _ byInitial: [[(bytes: [UInt8], name: String)]],
    _ body: (String, Value) -> Void
  ) {
    for at in stride(from: 0, through: table.byteCount - symbolBytes, by: symbolBytes) {
      guard let start: UInt32 = table.load(at), let initial: UInt8 = text.load(Int(start)),
        !byInitial[Int(initial)].isEmpty, let info: UInt8 = table.load(at + 4), info & 15 <= 2,
        let section: UInt16 = table.load(at + 6), (1..<0xff00).contains(section),
        let value: UInt64 = table.load(at + 8),
        let name = byInitial[Int(initial)].first(where: { stands($0.bytes, at: Int(start), in: text) })?.name
      else { continue }
      body(name, Value(value: value, section: Int(section)))
    }
  }

  private static func stands(_ name: [UInt8], at start: Int, in text: RawSpan) -> Bool {
    guard text.load(start + name.count, as: UInt8.self) == 0 else { return false }
    for index in name.indices where text.load(start + index, as: UInt8.self) != name[index] { return false }
    return true
  }
}

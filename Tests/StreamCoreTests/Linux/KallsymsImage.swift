@testable import StreamCore

/// A kernel image of a test that has kallsyms, written as scripts/kallsyms.c does. It shares nothing with the reader.
struct KallsymsImage {
  enum Form: CaseIterable, Sendable { case absolutePerCPU, relative, toEntry, absolute }

  struct Symbol: Sendable {
    var letter: Character = "T"
    var name: String
    var value: UInt64
  }

  /// Where the kernel's pages begin that hold the tables, and the tables in them.
  static let base: UInt64 = 0xffff_ffff_8020_0000
  static let physical: UInt64 = 0x500_0000
  static let relativeBase: UInt64 = 0xffff_ffff_8010_0000

  let form: Form
  let symbols: [Symbol]
  /// From `base` on, whole pages.
  private(set) var bytes: [UInt8] = []
  /// Address of each table by its name in VMCOREINFO.
  private(set) var places: [String: UInt64] = [:]

  /// Texts with more than one character, at numbers that are no characters of names.
  private static let texts = [
    "Tsys_", "T__x64_", "d__", "Dinit_", "kvm_", "_init", "_start", "ing", "er", "vmx_", "st", "_t", "Tvm_exit", "al",
  ]

  /// - Parameters:
  ///   - offset: of the first table from `base`, bytes.
  ///   - isOld: whether the addresses stand before the names, as up to 6.3.
  init(_ symbols: [Symbol], _ form: Form, offset: Int, isOld: Bool) {
    self.form = form
    self.symbols = symbols
    let alignment = form == .toEntry ? 4 : 8
    var tokens = (0..<256).map { code in (33..<127).contains(code) ? [UInt8(code)] : [] }
    for (number, text) in Self.texts.enumerated() { tokens[128 + number * 3] = Array(text.utf8) }
    bytes = Array(repeating: 0xcc, count: offset)
    if isOld { addAddresses(alignment) }
    begin("kallsyms_num_syms", alignment)
    bytes.append(littleEndian: UInt32(symbols.count))
    begin("kallsyms_names", alignment)
    let names = bytes.count
    var marks: [Int] = []
    for (number, symbol) in symbols.enumerated() {
      if number % 256 == 0 { marks.append(bytes.count - names) }
      addName(symbol)
    }
    begin("kallsyms_markers", alignment)
    for mark in marks { bytes.append(littleEndian: UInt32(mark)) }
    begin("kallsyms_token_table", alignment)
    var index: [Int] = []
    let table = bytes.count
    for token in tokens {
      index.append(bytes.count - table)
      bytes += token + [0]
    }
    begin("kallsyms_token_index", alignment)
    for start in index { bytes.append(littleEndian: UInt16(start)) }
    if !isOld { addAddresses(alignment) }
    bytes += repeatElement(0xcc, count: (4096 - bytes.count % 4096) % 4096)
  }

  private mutating func begin(_ name: String, _ alignment: Int) {
    while bytes.count % alignment != 0 { bytes.append(0) }
    places[name] = Self.base + UInt64(bytes.count)
  }

  private mutating func addName(_ symbol: Symbol) {
    var rest = Array("\(symbol.letter)\(symbol.name)".utf8)[...]
    var codes: [UInt8] = []
    while let first = rest.first {
      // A character's own token, or the longest text that fits.
      let fitting = Self.texts.indices.filter { rest.starts(with: Self.texts[$0].utf8) }
      let best = fitting.max { Self.texts[$0].utf8.count < Self.texts[$1].utf8.count }
      codes.append(best.map { UInt8(128 + $0 * 3) } ?? first)
      rest = rest.dropFirst(best.map { Self.texts[$0].utf8.count } ?? 1)
    }
    if codes.count > 127 {
      bytes += [UInt8(codes.count & 0x7f | 0x80), UInt8(codes.count >> 7)]
    } else {
      bytes.append(UInt8(codes.count))
    }
    bytes += codes
  }

  private mutating func addAddresses(_ alignment: Int) {
    begin(form == .absolute ? "kallsyms_addresses" : "kallsyms_offsets", alignment)
    for symbol in symbols {
      switch form {
      case .absolute: bytes.append(littleEndian: symbol.value)
      case .relative: bytes.append(littleEndian: UInt32(truncatingIfNeeded: symbol.value &- Self.relativeBase))
      case .toEntry:
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: symbol.value &- (Self.base + UInt64(bytes.count))))
      case .absolutePerCPU:
        let isPerCPU = symbol.value < 1 << 31
        bytes.append(
          littleEndian: UInt32(truncatingIfNeeded: isPerCPU ? symbol.value : Self.relativeBase &- 1 &- symbol.value))
      }
    }
    guard form == .absolutePerCPU || form == .relative else { return }
    begin("kallsyms_relative_base", 8)
    bytes.append(littleEndian: Self.relativeBase)
  }

  /// What the kernel writes of itself.
  /// - Parameters:
  ///   - keys: whether it says where the tables are.
  ///   - changes: values in place of the true ones, and those of more keys; `nil` for none.
  func vmcoreinfo(keys: Bool = true, _ changes: [String: UInt64?] = [:]) throws -> VMCoreInfo {
    var values: [String: UInt64?] = ["mem_section": 0xffff_8880_0123_0000, "swapper_pg_dir": Self.base - 4096]
    for symbol in symbols where Self.known.contains(symbol.name) { values[symbol.name] = symbol.value }
    if keys { for (name, place) in places where name != "kallsyms_markers" { values[name] = place } }
    values.merge(changes) { $1 }
    var text = "OSRELEASE=6.1.0\n"
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      if let value { text += "SYMBOL(\(name))=\(String(value, radix: 16))\n" }
    }
    guard let info = VMCoreInfo(Array(text.utf8)) else { throw KernelSymbolsFault.noKey("OSRELEASE") }
    return info
  }

  static let known = ["_stext", "init_uts_ns", "init_top_pgt"]

  /// A host with this image: its pages lie in reverse order, mapped one by one.
  /// - Parameter changes: bytes by their place from `base`.
  func host(_ changes: [Int: UInt8] = [:], without missing: Set<Int> = []) -> KVMTestHost {
    var host = KVMTestHost()
    for page in 0..<bytes.count / 4096 {
      host.map(Self.base + UInt64(page) << 12, to: physical(page << 12))
      for at in stride(from: page << 12, to: (page + 1) << 12, by: 8) {
        host.memory.store(bytes.load(at) ?? 0 as UInt64, at: physical(at))
      }
    }
    change(changes, without: missing, in: &host)
    return host
  }

  /// Changes bytes of the image in a host that has it, and takes pages away.
  func change(_ changes: [Int: UInt8], without missing: Set<Int> = [], in host: inout KVMTestHost) {
    var words: [Int: [UInt8]] = [:]
    for (place, byte) in changes where place < bytes.count {
      words[place & ~7, default: Array(bytes[place & ~7..<place & ~7 + 8])][place & 7] = byte
    }
    for (place, word) in words { host.memory.store(word.load(0) ?? 0 as UInt64, at: physical(place)) }
    for page in missing where page < bytes.count / 4096 { host.memory.remove(physical(page << 12) >> 12) }
  }

  private func physical(_ place: Int) -> UInt64 {
    Self.physical + UInt64(bytes.count / 4096 - 1 - place >> 12) << 12 + UInt64(place & 0xfff)
  }

  /// A kernel's symbols: names short and long, one twice, per-CPU ones where the form has them.
  static func symbols(_ count: Int, _ form: Form) -> [Symbol] {
    let perCPU: UInt64 = form == .absolutePerCPU ? 0 : 0xffff_ffff_8180_0000
    var symbols = [
      Symbol(letter: form == .absolutePerCPU ? "A" : "D", name: "__per_cpu_start", value: perCPU),
      Symbol(letter: "d", name: "current_vmcs", value: perCPU + 0x1038),
      Symbol(letter: "D", name: "__per_cpu_end", value: perCPU + 0x2000),
      Symbol(name: "_stext", value: 0xffff_ffff_8100_0000), Symbol(name: "vm_exit", value: 0xffff_ffff_8100_0010),
      Symbol(name: String(repeating: "long_Rust_name0", count: 33), value: 0xffff_ffff_8100_0020),
      Symbol(letter: "d", name: "twice", value: 0xffff_ffff_8100_1000),
      Symbol(letter: "t", name: "twice", value: 0xffff_ffff_8100_2000),
      Symbol(letter: "D", name: "init_uts_ns", value: 0xffff_ffff_8200_0100),
      Symbol(letter: "B", name: "mem_section", value: 0xffff_ffff_8200_0200),
      Symbol(letter: "D", name: "init_top_pgt", value: 0xffff_ffff_8201_0000),
    ]
    let stems = ["kvm_init", "vmx_starting", "sys_read", "__x64_sys_al", "_t", "x", "handler"]
    for number in symbols.count..<max(count, symbols.count) {
      symbols.append(
        Symbol(
          letter: number % 3 == 0 ? "t" : "T", name: "\(stems[number % stems.count])\(number)",
          value: 0xffff_ffff_8110_0000 + UInt64(number) * 48))
    }
    return symbols
  }
}

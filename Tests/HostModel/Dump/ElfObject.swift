/// An ELF file of a kernel or a module as a linker writes it: sections, then the table of them. Source: elf(5).
public struct ElfObject: Sendable {
  public struct Section: Sendable {
    public var name: String
    /// SHT_*: 1 bits, 3 strings, 7 notes, 8 none in the file.
    public var type: UInt32
    /// SHF_*: 1 write, 2 alloc, 4 code.
    public var flags: UInt64
    public var address: UInt64
    public var bytes: [UInt8]
    /// Of a section whose bytes are not in the file.
    public var size: UInt64?

    public init(
      _ name: String, type: UInt32 = 1, flags: UInt64 = 2, at address: UInt64 = 0, _ bytes: [UInt8] = [],
      size: UInt64? = nil
    ) {
      self.name = name
      self.type = type
      self.flags = flags
      self.address = address
      self.bytes = bytes
      self.size = size
    }
  }

  public struct Symbol: Sendable {
    public var name: String
    public var value: UInt64
    /// The name of the section that has it, empty for one that the file only uses.
    public var section: String

    public init(_ name: String, _ value: UInt64, in section: String) {
      self.name = name
      self.value = value
      self.section = section
    }
  }

  /// e_type: 1 relocatable, 2 executable.
  public var type: UInt16
  public var machine: UInt16 = 62
  /// EI_CLASS and EI_DATA.
  public var identity: [UInt8] = [2, 1]
  public var sections: [Section]
  public var symbols: [Symbol]

  public init(type: UInt16, _ sections: [Section], _ symbols: [Symbol]) {
    self.type = type
    self.sections = sections
    self.symbols = symbols
  }

  /// The section of a name, to be changed or taken away.
  public subscript(name: String) -> Section? {
    get { sections.first { $0.name == name } }
    set {
      guard let index = sections.firstIndex(where: { $0.name == name }) else { return }
      if let newValue { sections[index] = newValue } else { sections.remove(at: index) }
    }
  }

  public var bytes: [UInt8] {
    var all = [Section("", type: 0, flags: 0)] + sections
    var links: [Int: UInt32] = [:]
    if !symbols.isEmpty {
      let (table, names) = symbolTable
      links[all.count] = UInt32(all.count + 1)
      all += [Section(".symtab", type: 2, flags: 0, table), Section(".strtab", type: 3, flags: 0, names)]
    }
    all.append(Section(".shstrtab", type: 3, flags: 0))
    let (names, places) = Self.strings(all.map(\.name))
    all[all.count - 1].bytes = names
    var body: [UInt8] = []
    var headers: [UInt8] = []
    for (index, section) in all.enumerated() {
      body += [UInt8](repeating: 0, count: (8 - body.count % 8) % 8)
      headers += LittleEndian.bytes(places[index]) + LittleEndian.bytes(section.type)
      headers += LittleEndian.bytes([
        section.flags, section.address, UInt64(64 + body.count), section.size ?? UInt64(section.bytes.count),
      ])
      headers += LittleEndian.bytes(links[index] ?? 0) + LittleEndian.bytes(0 as UInt32)
      headers += LittleEndian.bytes([1, section.type == 2 ? 24 : 0])
      body += section.bytes
    }
    body += [UInt8](repeating: 0, count: (8 - body.count % 8) % 8)
    return header(sections: all.count, at: UInt64(64 + body.count)) + body + headers
  }

  private func header(sections count: Int, at place: UInt64) -> [UInt8] {
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46] + identity + [1] + [UInt8](repeating: 0, count: 9)
    bytes += LittleEndian.bytes(type) + LittleEndian.bytes(machine) + LittleEndian.bytes(1 as UInt32)
    bytes += LittleEndian.bytes([0, 0, place]) + LittleEndian.bytes(0 as UInt32)
    for half in [64, 56, 0, 64, count, count - 1] { bytes += LittleEndian.bytes(UInt16(half)) }
    return bytes
  }

  private var symbolTable: (table: [UInt8], names: [UInt8]) {
    let (names, places) = Self.strings(symbols.map(\.name))
    var table = [UInt8](repeating: 0, count: 24)
    for (symbol, place) in zip(symbols, places) {
      let index = sections.firstIndex { $0.name == symbol.section }.map { UInt16($0 + 1) } ?? 0
      table += LittleEndian.bytes(place) + [0x11, 0] + LittleEndian.bytes(index)
      table += LittleEndian.bytes([symbol.value, 8])
    }
    return (table, names)
  }

  private static func strings(_ texts: [String]) -> (bytes: [UInt8], places: [UInt32]) {
    var bytes: [UInt8] = [0]
    let places = texts.map { text -> UInt32 in
      guard !text.isEmpty else { return 0 }
      let place = UInt32(bytes.count)
      bytes += Array(text.utf8) + [0]
      return place
    }
    return (bytes, places)
  }
}

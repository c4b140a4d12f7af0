/// An ELF file of a kernel or of a module: its sections, checked against the file's size. Nothing else is read, for with
/// debug information such a file has hundreds of MB. Source: elf(5), Elf64_Ehdr, Elf64_Shdr.
struct ObjectFile: Sendable {
  /// Bytes of the ELF header, and of a section header.
  private static let headerSize = 64
  /// Sections at most: a vmlinux has 100, a module built with a section for each function some thousands.
  private static let sectionLimit: UInt64 = 1 << 16
  /// Bytes of all sections' names at most, and of one.
  private static let namesLimit: UInt64 = 4 << 20
  private static let nameLimit = 128

  /// e_type.
  enum Form: UInt16, Sendable {
    /// ET_REL: a module.
    case relocatable = 1
    /// ET_EXEC.
    case executable = 2
    /// ET_DYN.
    case shared = 3
  }

  struct Section: Sendable {
    var name: String
    var type: UInt32
    var flags: UInt64
    /// Where it is to stand in memory; 0 in a module.
    var address: UInt64
    /// In the file, bytes.
    var offset: UInt64
    var size: UInt64
    /// For a table of symbols: the number of the section with their names.
    var link: UInt32

    /// SHF_ALLOC.
    var isLoaded: Bool { flags & 2 != 0 }
    /// Its bytes are in the file, as they are: no SHT_NULL, SHT_NOBITS or SHF_COMPRESSED.
    var isStored: Bool { type != 0 && type != 8 && flags & 0x800 == 0 }
  }

  let file: InputFile
  let form: Form
  let sections: [Section]

  init(_ file: InputFile) throws(SymbolFileError) {
    self.file = file
    let header = try Self.read(file, 0, Self.headerSize)
    if let why = ForeignFile.refusal(of: file, header) { throw .refused(path: file.path, why: why) }
    guard let identity: UInt16 = header.load(4), identity == 0x0102, let machine: UInt16 = header.load(18),
      machine == 62
    else {
      throw .refused(
        path: file.path, why: "an ELF file of another machine; expected one of x86_64, as the host's kernel is")
    }
    guard let form = header.load(16, as: UInt16.self).flatMap(Form.init) else {
      let type: UInt16 = header.load(16) ?? 0
      throw .refused(
        path: file.path,
        why: type == 4
          ? "a dump (ELF core), which has no symbols; expected the vmlinux or a module of the host's kernel"
          : "an ELF file of type \(type); expected 1 (a module), 2 or 3 (a vmlinux)")
    }
    self.form = form
    sections = try Self.sections(file, header)
  }

  /// The first section of a name.
  subscript(name: String) -> Section? { sections.first { $0.name == name } }

  /// All bytes of a section.
  /// - Parameter limit: bytes at most; a larger section counts as none.
  func bytes(of section: Section, limit: UInt64) throws(SymbolFileError) -> [UInt8]? {
    guard section.isStored, section.size <= limit else { return nil }
    return try Self.read(file, section.offset, Int(section.size))
  }

  /// The notes that the file has, in sections of up to 64 KiB.
  func notes() throws(SymbolFileError) -> [Note] {
    var notes: [Note] = []
    for section in noteSections.prefix(64) {
      if let bytes = try bytes(of: section, limit: Self.noteLimit) { notes += Note.parse(bytes).notes }
    }
    return notes
  }

  /// Bytes of a section of notes at most.
  static let noteLimit: UInt64 = 64 << 10

  /// SHT_NOTE.
  var noteSections: [Section] { sections.filter { $0.type == 7 } }

  private static func read(_ file: InputFile, _ offset: UInt64, _ count: Int) throws(SymbolFileError) -> [UInt8] {
    do throws(SystemError) { return try file.read(at: offset, count: count) } catch { throw .unreadable(error) }
  }

  private static func sections(_ file: InputFile, _ header: [UInt8]) throws(SymbolFileError) -> [Section] {
    func cut(_ what: String, _ end: UInt64) -> SymbolFileError {
      .refused(
        path: file.path,
        why: "cut: \(what) should end at byte \(hex(end)), the file has \(hex(file.size)); copy it again")
    }
    guard let offset: UInt64 = header.load(40), let short: UInt16 = header.load(60), let size: UInt16 = header.load(58),
      let shortNames: UInt16 = header.load(62)
    else { throw cut("the ELF header", UInt64(headerSize)) }
    guard offset > 0 else {
      throw .refused(path: file.path, why: "an ELF file without sections; expected the vmlinux as it was linked")
    }
    guard size == UInt16(headerSize) else {
      throw .refused(path: file.path, why: "e_shentsize is \(size); expected \(headerSize)")
    }
    // Many sections: header 0 has the numbers.
    let (firstEnd, wraps) = offset.addingReportingOverflow(UInt64(headerSize))
    guard !wraps, firstEnd <= file.size else { throw cut("the first section header", firstEnd) }
    let first = try read(file, offset, headerSize)
    let count = short == 0 ? first.load(32, as: UInt64.self) ?? 0 : UInt64(short)
    let names = shortNames == 0xffff ? Int(first.load(40, as: UInt32.self) ?? 0) : Int(shortNames)
    guard (1...sectionLimit).contains(count), names < Int(count) else {
      throw .refused(
        path: file.path,
        why: "\(count) sections, names in section \(names); expected 1 to \(sectionLimit) and one of them")
    }
    let (end, overflows) = offset.addingReportingOverflow(count * UInt64(headerSize))
    guard !overflows, end <= file.size else { throw cut("the table of sections", end) }
    let table = try read(file, offset, Int(count) * headerSize)
    var sections = (0..<Int(count)).map { section(table, $0 * headerSize) }
    for section in sections where section.type != 0 && section.type != 8 {
      let (end, overflows) = section.offset.addingReportingOverflow(section.size)
      guard !overflows, end <= file.size else { throw cut("a section", overflows ? .max : end) }
    }
    let text = sections[names].isStored && sections[names].size <= namesLimit ? sections[names] : nil
    let letters = try text.map { section throws(SymbolFileError) in
      try read(file, section.offset, Int(section.size))
    }
    for index in sections.indices {
      let start = Int(table.load(index * headerSize, as: UInt32.self) ?? 0)
      guard let letters, start < letters.count else { continue }
      let name = letters[start..<min(letters.count, start + nameLimit)].prefix { $0 != 0 }
      sections[index].name = String(decoding: name, as: UTF8.self)
    }
    return sections
  }

  private static func section(_ table: [UInt8], _ at: Int) -> Section {
    Section(
      name: "", type: table.load(at + 4) ?? 0, flags: table.load(at + 8) ?? 0, address: table.load(at + 16) ?? 0,
      offset: table.load(at + 24) ?? 0, size: table.load(at + 32) ?? 0, link: table.load(at + 40) ?? 0)
  }
}

/// The names of an ELF file's sections, as far as they can be read. Dumps of Linux hosts need none; they tell other
/// cores apart. Source: elf(5), Elf64_Shdr.
struct ElfSections {
  private static let headerSize = 64
  /// More bytes of names than any dump has.
  private static let maximumNames: UInt64 = 1 << 16
  private var names: Set<[UInt8]> = []

  init(_ header: ElfHeader, _ input: DumpInput) throws(HostDumpError) {
    guard header.sections.offset < input.file.size else { return }
    let table = try input.header(at: header.sections.offset, count: Int(header.sections.count) * Self.headerSize)
    let strings = Int(header.sections.names) * Self.headerSize
    guard let offset: UInt64 = table.load(strings + 24), let size: UInt64 = table.load(strings + 32),
      offset < input.file.size
    else { return }
    let text = try input.header(at: offset, count: Int(min(size, Self.maximumNames)))
    for at in stride(from: 0, to: table.count, by: Self.headerSize) {
      guard let name: UInt32 = table.load(at) else { break }
      names.insert(Array(text.dropFirst(Int(name)).prefix { $0 != 0 }))
    }
  }

  func contains(_ name: String) -> Bool { names.contains(Array(name.utf8)) }
}

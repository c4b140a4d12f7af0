/// Where the parts of an ELF64 core of a guest lie: Ehdr, program headers at 64, section header 0 right after those
/// that are used, notes, page-aligned data. Sources: elf(5); what readers need: Documentation/elf.md §2, §4.1.
struct ElfLayout: Sendable {
  static let headerSize: UInt64 = 64
  static let programHeaderSize: UInt64 = 56
  private static let sectionHeaderSize: UInt64 = 64
  /// From so many program headers on the count stands in section header 0. Source: elf(5), PN_XNUM.
  static let extendedNumbering: UInt64 = 0xffff

  /// Program headers that fit before the notes.
  let room: UInt64
  private let notesSize: UInt64
  private let pages: UInt64

  var notes: UInt64 { Self.headerSize + room * Self.programHeaderSize + Self.sectionHeaderSize }
  /// File offset of the first page; the page of rank r lies at `data + 4096 r`, whether it comes or stays a hole.
  var data: UInt64 { (notes + notesSize + UInt64(pageSize) - 1) / UInt64(pageSize) * UInt64(pageSize) }
  var end: UInt64 { data + pages * UInt64(pageSize) }

  /// `nil` when a file cannot hold the pages.
  /// - Parameter segments: program headers when no page is bad. Each bad page can split one; the room kept for that is
  ///   an eighth, at least 1024.
  init?(segments: UInt64, notes: GuestNotes, pages: UInt64) {
    guard pages <= 1 << 50, segments <= 1 << 31 else { return nil }
    room = segments + max(1024, segments / 8)
    notesSize = UInt64(notes.bytes.count)
    self.pages = pages
  }

  func offset(rank: UInt64) -> UInt64 { data + rank * UInt64(pageSize) }

  /// The file header. A count that e_phnum cannot hold stands in section header 0.
  func header(segments: UInt64) -> [UInt8] {
    var header: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]
    header += repeatElement(0, count: Int(Self.headerSize) - header.count)
    header.store(UInt16(4), at: 16)  // ET_CORE
    header.store(UInt16(62), at: 18)  // EM_X86_64
    header.store(UInt32(1), at: 20)
    header.store(Self.headerSize, at: 32)
    header.store(UInt16(Self.headerSize), at: 52)
    header.store(UInt16(Self.programHeaderSize), at: 54)
    header.store(UInt16(clamping: segments), at: 56)
    if let section = sectionHeader(segments: segments) {
      header.store(section.offset, at: 40)
      header.store(UInt16(Self.sectionHeaderSize), at: 58)
      header.store(UInt16(1), at: 60)
    }
    return header
  }

  /// Section header 0, right after the program headers, with their count in sh_info; `nil` when e_phnum holds it.
  func sectionHeader(segments: UInt64) -> (offset: UInt64, bytes: [UInt8])? {
    guard segments >= Self.extendedNumbering else { return nil }
    var section = [UInt8](repeating: 0, count: Int(Self.sectionHeaderSize))
    section.store(UInt32(truncatingIfNeeded: segments), at: 44)
    return (Self.headerSize + segments * Self.programHeaderSize, section)
  }

  /// PT_NOTE, which readers expect first.
  var noteHeader: [UInt8] {
    Self.programHeader(type: 4, flags: 0, offset: notes, virtual: 0, physical: 0, bytes: notesSize)
  }

  /// A PT_LOAD of whole pages, the first of which has this rank.
  func loadHeader(rank: UInt64, virtual: UInt64, physical: UInt64, pages: UInt64) -> [UInt8] {
    Self.programHeader(
      type: 1, flags: 7, offset: offset(rank: rank), virtual: virtual, physical: physical,
      bytes: pages * UInt64(pageSize))
  }

  /// p_align stays 0: crash takes aligned offsets with another p_align for netdump's format.
  private static func programHeader(
    type: UInt32, flags: UInt32, offset: UInt64, virtual: UInt64, physical: UInt64, bytes: UInt64
  ) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: Int(programHeaderSize))
    header.store(type, at: 0)
    header.store(flags, at: 4)
    header.store(offset, at: 8)
    header.store(virtual, at: 16)
    header.store(physical, at: 24)
    header.store(bytes, at: 32)
    header.store(bytes, at: 40)
    return header
  }
}

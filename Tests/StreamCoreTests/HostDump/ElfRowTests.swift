import Glibc
import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Malformed and absurd ELF files, as Documentation/kdump-compressed.md §8 has them for kdump: refused with the field,
/// or read as far as they go.
@Suite struct ElfRowTests {
  private func refusal(_ damage: (inout [UInt8]) -> Void) throws -> HostDumpError? {
    var bytes = ElfSample().bytes
    damage(&bytes)
    return try OpenedDump.refusal(bytes)
  }

  private func format(_ offset: UInt64, _ field: String, _ expected: String, _ found: String) -> HostDumpError {
    .format(FormatError(file: "dump", offset: offset, field: field, expected: expected, found: found))
  }

  /// Program header 0 is the note, 1 the PT_LOAD of four pages.
  private static let note = 64
  private static let load = 120

  @Test func headerCut() throws {
    #expect(
      try refusal { $0.removeSubrange(50...) } == format(48, "e_flags", "4 bytes", "2 before the end of the file"))
  }

  @Test(arguments: [[1, 1], [2, 2], [0, 0]] as [[UInt8]])
  func otherClassOrByteOrder(ident: [UInt8]) throws {
    #expect(
      try refusal { $0.replaceSubrange(4..<6, with: ident) }
        == .unsupported(
          file: "dump",
          format: "an ELF file that is not 64-bit little-endian, of a machine of type "
            + (ident[1] == 2 ? "number 15872" : "x86_64"),
          remedy: "only dumps of x86_64 hosts can be split"))
  }

  @Test func noCore() throws {
    #expect(try refusal { $0[16] = 2 } == format(16, "e_type", "4 (ET_CORE)", "2"))
  }

  @Test(
    arguments: [(3, "i386"), (21, "ppc64"), (183, "aarch64"), (243, "riscv"), (9999, "number 9999")]
      as [(UInt16, String)])
  func otherMachine(machine: UInt16, name: String) throws {
    #expect(
      try refusal { $0.store(machine, at: 18) }
        == .unsupported(
          file: "dump", format: "an ELF core of a machine of type \(name)",
          remedy: "only dumps of x86_64 hosts can be split"))
  }

  @Test func aBigEndianMachineIsNamedToo() throws {
    let error = try refusal {
      $0.replaceSubrange(4..<6, with: [2, 2])
      $0.replaceSubrange(18..<20, with: [0, 22])
    }
    #expect(
      error
        == .unsupported(
          file: "dump", format: "an ELF file that is not 64-bit little-endian, of a machine of type s390",
          remedy: "only dumps of x86_64 hosts can be split"))
  }

  @Test(arguments: [0, 55] as [UInt16])
  func programHeadersTooShort(size: UInt16) throws {
    #expect(try refusal { $0.store(size, at: 54) } == format(54, "e_phentsize", "at least 56", "\(size)"))
  }

  @Test(arguments: [0x7000 - 111, 1 << 40, 1 << 63, .max] as [UInt64])
  func programHeadersOutsideTheFile(offset: UInt64) throws {
    #expect(
      try refusal { $0.store(offset, at: 32) }
        == format(
          32, "e_phoff", "2 program headers inside the file's 28672 bytes", "they begin at \(hex(offset))"))
  }

  @Test(arguments: [0, 63, 0x7000 - 63, .max] as [UInt64])
  func extendedCountWithoutItsSection(offset: UInt64) throws {
    let error = try refusal { bytes in
      bytes.store(UInt16(0xffff), at: 56)
      bytes.store(offset, at: 40)
    }
    #expect(
      error
        == format(
          40, "e_shoff", "section header 0 with the number of program headers (PN_XNUM)", hex(offset)))
  }

  @Test func extendedCountFarAboveTheFile() throws {
    let error = try refusal { bytes in
      bytes.store(UInt16(0xffff), at: 56)
      bytes.store(UInt64(0x2000), at: 40)
      bytes.store(UInt32.max, at: 0x2000 + 44)
    }
    #expect(
      error
        == format(
          32, "e_phoff", "4294967295 program headers inside the file's 28672 bytes", "they begin at 0x40"))
  }

  @Test func noMemory() throws {
    #expect(
      try refusal { $0.store(UInt32(6), at: Self.load) }
        == format(56, "e_phnum", "a PT_LOAD with at least one page in the file", "0 PT_LOADs, none"))
    #expect(
      try refusal { $0.store(UInt64(0xfff), at: Self.load + 32) }
        == format(56, "e_phnum", "a PT_LOAD with at least one page in the file", "1 PT_LOADs, none"))
  }

  @Test(arguments: [(1 << 52, 0x4000), (0x10000, 1 << 52), (.max - 1, 0x4000), (0x10000, .max)] as [(UInt64, UInt64)])
  func memoryAbove52Bits(physical: UInt64, size: UInt64) throws {
    var sample = ElfSample()
    sample.segments.append(ElfSample.Segment(offset: 0x3000, physical: physical, stored: 0x4000, size: size))
    let opened = try OpenedDump(sample.bytes)
    #expect(opened.dump.remarks == [.damage("PT_LOAD at p_paddr \(hex(physical)) lies above 52 bits: ignored")])
    #expect(opened.wrong(Array(0x10..<0x14)) { ElfSample.page(0x3000 + ($0 - 0x10) << 12) } == [])
  }

  @Test func fileEndsInASegment() throws {
    var bytes = ElfSample().bytes
    bytes.removeSubrange(0x5001...)
    let opened = try OpenedDump(bytes)
    let end = try #require(ElfSample().segments.map { $0.offset + $0.stored }.max())
    #expect(opened.dump.remarks == [.cut(0x5001, "its PT_LOADs go on", to: UInt64(end))])
    #expect(opened.dump.summary.incomplete)
    #expect((0x10..<0x14).map { opened.dump.presence($0) } == [.stored, .stored, .lost, .lost])
    #expect(opened.dump.presenceRun(0x12, limit: 0x20) == (.lost, 0x14))
    #expect(opened.wrong([0x10, 0x11]) { ElfSample.page(0x3000 + ($0 - 0x10) << 12) } == [])
  }

  @Test(arguments: [1 << 40, 1 << 63, .max] as [UInt64])
  func segmentPastTheEnd(offset: UInt64) throws {
    var sample = ElfSample()
    sample.segments.append(ElfSample.Segment(offset: offset, physical: 0x20000, stored: 0x1000, size: 0x1000))
    let dump = try OpenedDump(sample.bytes).dump
    #expect(dump.remarks == [.damage("a PT_LOAD lies past the end of the file")])
    #expect(dump.presence(0x20) == .lost)
  }

  @Test func noDataNeedsNoPlace() throws {
    // QEMU with a filter writes p_offset -1 for what it leaves out.
    var sample = ElfSample()
    sample.segments.append(ElfSample.Segment(offset: .max, physical: 0x20000, stored: 0, size: 0x1000))
    let dump = try OpenedDump(sample.bytes).dump
    #expect(dump.remarks == [])
    #expect(dump.presence(0x20) == .notStored)
  }

  @Test func moreInTheFileThanInMemory() throws {
    var sample = ElfSample()
    sample.segments[1].size = 0x2000
    let dump = try OpenedDump(sample.bytes).dump
    #expect(dump.summary.storedPages == 2)
    #expect(dump.presence(0x12) == .unknown)
  }

  private func sharing(_ header: UInt64, _ byte: UInt64, _ pages: String) -> HostDumpError {
    format(
      header + 8, "p_offset", "bytes that no other page has",
      "byte \(hex(byte)) for physical addresses \(pages); a program header is damaged and nothing can say which page is "
        + "whose: copy the dump again")
  }

  @Test func twoFramesFromTheSameBytes() throws {
    var sample = ElfSample()
    sample.segments.append(ElfSample.Segment(offset: 0x4000, physical: 0x20000, stored: 0x1000, size: 0x1000))
    #expect(try OpenedDump.refusal(sample.bytes) == sharing(120, 0x4000, "0x11000 and 0x20000"))
  }

  /// As makedumpfile -E has what it leaves out: memory beyond p_filesz. One bit in p_filesz, and the pages after it
  /// would be those of the next segment.
  @Test func aBitOfFileSizeTakesTheNextSegmentsBytes() throws {
    var sample = ElfSample()
    sample.segments[1].size = 0x8000
    sample.load(0x20000, frames: 4, at: 0x7000)
    #expect(try OpenedDump.refusal(sample.bytes) == nil)
    sample.segments[1].stored = 0x5000
    #expect(try OpenedDump.refusal(sample.bytes) == sharing(120, 0x7000, "0x14000 and 0x20000"))
  }

  /// The kernel's image stands in /proc/vmcore twice, and QEMU's -p repeats pages: the same page, the same bytes.
  @Test func thePageItselfMayStandInTwoSegments() throws {
    var sample = ElfSample()
    sample.segments.append(ElfSample.Segment(offset: 0x4000, physical: 0x11000, stored: 0x1000, size: 0x1000))
    #expect(try OpenedDump(sample.bytes).dump.remarks == [])
  }

  @Test func incompleteAsTheWriterSays() throws {
    #expect(
      try OpenedDump(
        { () -> [UInt8] in
          var sample = ElfSample()
          sample.flags = 1
          return sample.bytes
        }()
      ).dump.summary.incomplete)
  }

  @Test func noPhysicalAddresses() throws {
    let segment = ElfSample.Segment(offset: 0x1000, physical: 0, stored: 0x1000, size: 0x1000)
    var sample = ElfSample(segments: [segment, segment])
    sample.pieces = [(0x1000, ElfSample.page(0))]
    #expect(
      try OpenedDump.refusal(sample.bytes)
        == .unsupported(
          file: "dump", format: "an ELF core without physical addresses (all p_paddr are 0)",
          remedy: "copy /proc/vmcore in the capture kernel, or use makedumpfile"))
  }

  @Test(arguments: [3, 6, 0x4649_4c45] as [UInt32])
  func coreOfAProcess(type: UInt32) throws {
    var sample = ElfSample(segments: [])
    sample.note(ElfNotes.note(name: "CORE", type: type, descriptor: [1, 2, 3]))
    sample.load(0, frames: 1, at: 0x3000)
    #expect(
      try OpenedDump.refusal(sample.bytes)
        == .unsupported(file: "dump", format: "the core of a process", remedy: "give the host's crash dump"))
  }

  @Test func coreOfAXenGuest() throws {
    var sample = ElfSample(segments: [])
    let names = [UInt8(0)] + Array(".shstrtab".utf8) + [0] + Array(".xen_pages".utf8) + [0]
    var sections = [UInt8](repeating: 0, count: 3 * 64)
    sections.store(UInt32(1), at: 64)
    sections.store(UInt64(0x400), at: 64 + 24)
    sections.store(UInt64(names.count), at: 64 + 32)
    sections.store(UInt32(11), at: 128)
    sample.pieces = [(0x200, sections), (0x400, names)]
    var bytes = sample.bytes
    bytes.store(UInt64(0x200), at: 40)
    for (at, value) in [(58, 64), (60, 3), (62, 1)] as [(Int, UInt16)] { bytes.store(value, at: at) }
    #expect(
      try OpenedDump.refusal(bytes)
        == .unsupported(file: "dump", format: "a Xen guest's core", remedy: "Xen hosts are not supported"))
    bytes.store(UInt64.max, at: 0x200 + 64 + 24)
    #expect(
      try OpenedDump.refusal(bytes)
        == format(56, "e_phnum", "a PT_LOAD with at least one page in the file", "0 PT_LOADs, none"))
    bytes.store(UInt64.max, at: 40)
    #expect(
      try OpenedDump.refusal(bytes)
        == format(56, "e_phnum", "a PT_LOAD with at least one page in the file", "0 PT_LOADs, none"))
  }

  @Test(arguments: [(1 << 40, 100), (0x1000, 1 << 40), (.max, .max), (0x1000, .max)] as [(UInt64, UInt64)])
  func notesOutsideTheFile(offset: UInt64, size: UInt64) throws {
    var sample = ElfSample()
    sample.segments[0].offset = offset
    sample.segments[0].stored = size
    let dump = try OpenedDump(sample.bytes).dump
    #expect(dump.notes == [])
    #expect(
      dump.remarks
        == [.damage("PT_NOTE at \(hex(offset)) of \(size) bytes lies outside the file or is too large: ignored")])
  }

  @Test(arguments: [0, 4])
  func noteLongerThanTheNotes(field: Int) throws {
    var sample = ElfSample()
    sample.pieces[0].bytes.store(UInt32.max, at: field)
    let dump = try OpenedDump(sample.bytes).dump
    #expect(dump.notes == [])
    #expect(dump.remarks == [.damage("a note runs past the end of the notes: it and those behind it are ignored")])
  }

  @Test func notesOverAndOverDoNotPileUp() throws {
    // 300 PT_NOTEs that are all the same 1 MiB of the file.
    var sample = ElfSample(segments: [])
    let large = ElfNotes.note(name: "X", type: 9, descriptor: Array(repeating: 1, count: 1 << 20))
    sample.load(0x10000, frames: 1, at: 0x8000)
    sample.note(large, at: 0x10000)
    for _ in 0..<299 { sample.segments.append(sample.segments[1]) }
    let dump = try OpenedDump(sample.bytes).dump
    #expect(dump.notes.count == 63)
    #expect(dump.remarks.last == .damage("300 PT_NOTEs: those behind the first 256 are ignored"))
  }

  @Test func fileShrinksWhileItIsRead() throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(ElfSample().bytes, as: "dump")
    let dump = try openHostDump(path: path)
    try truncate(directory.path.appending(path: "dump"), to: 0x4800)
    let memory = HostMemory(dump)
    // What the file no longer has reads as zeros at best: none of it is believed, and whole stages end with an error.
    for frame in 0x10...0x12 as ClosedRange<UInt64> { #expect(memory.page(frame) == .bad) }
    #expect(throws: SystemError(call: "read", path: path, code: EIO)) { try dump.input.source.check() }
  }
}

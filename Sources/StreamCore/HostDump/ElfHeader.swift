/// The ELF header and program headers of a vmcore, checked against the file's size. Source: elf(5);
/// Documentation/elf.md §1.1.
struct ElfHeader: Sendable {
  static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]
  private static let programHeaderSize = 56
  private static let escape: UInt16 = 0xffff  // PN_XNUM

  /// One program header of type PT_LOAD or PT_NOTE.
  struct Segment: Sendable {
    /// File offset of p_offset.
    var place: UInt64
    var offset: UInt64
    var virtual: UInt64
    var physical: UInt64
    var fileSize: UInt64
    var memorySize: UInt64
  }

  let loads: [Segment]
  let notes: [Segment]
  /// makedumpfile -E sets bit 0 of e_flags when it ran out of space.
  let isIncomplete: Bool
  /// e_shoff, e_shnum and e_shstrndx, unchecked.
  let sections: (offset: UInt64, count: UInt16, names: UInt16)

  init(_ input: DumpInput) throws(HostDumpError) {
    let remedy = "only dumps of x86_64 hosts can be split"
    let header = try FieldReader(input, base: 0, count: 64)
    let classAndData: UInt16 = try header.read("e_ident", at: 4)
    var machine: UInt16 = try header.read("e_machine", at: 18)
    guard classAndData == 0x0102 else {
      if classAndData >> 8 == 2 { machine = machine.byteSwapped }
      throw .unsupported(
        file: input.path,
        format: "an ELF file that is not 64-bit little-endian, of a machine of type \(ElfMachine.name(machine))",
        remedy: remedy)
    }
    let type: UInt16 = try header.read("e_type", at: 16)
    guard type == 4 else {
      throw header.error("e_type", at: 16, expected: "4 (ET_CORE)", found: "\(type)")
    }
    guard machine == ElfMachine.x86_64 else {
      throw .unsupported(
        file: input.path, format: "an ELF core of a machine of type \(ElfMachine.name(machine))", remedy: remedy)
    }
    isIncomplete = try header.read("e_flags", at: 48, as: UInt32.self) & 1 == 1

    sections = (
      try header.read("e_shoff", at: 40), try header.read("e_shnum", at: 60), try header.read("e_shstrndx", at: 62)
    )
    let count = try Self.programHeaderCount(header, input)
    let start: UInt64 = try header.read("e_phoff", at: 32)
    let stride: UInt16 = try header.read("e_phentsize", at: 54)
    guard stride >= UInt16(Self.programHeaderSize) else {
      throw header.error("e_phentsize", at: 54, expected: "at least 56", found: "\(stride)")
    }
    let (bytes, overflow) = UInt64(count).multipliedReportingOverflow(by: UInt64(stride))
    guard !overflow, start <= input.file.size, bytes <= input.file.size - start else {
      throw header.error(
        "e_phoff", at: 32, expected: "\(count) program headers inside the file's \(input.file.size) bytes",
        found: "they begin at \(hex(start))")
    }
    (loads, notes) = try Self.segments(input, at: start, count: Int(count), stride: Int(stride))
  }

  /// e_phnum, or sh_info of section header 0 when e_phnum is PN_XNUM.
  private static func programHeaderCount(_ header: FieldReader, _ input: DumpInput) throws(HostDumpError) -> UInt32 {
    let count: UInt16 = try header.read("e_phnum", at: 56)
    guard count == escape else { return UInt32(count) }
    let sections: UInt64 = try header.read("e_shoff", at: 40)
    guard sections >= 64, sections <= input.file.size, input.file.size - sections >= 64 else {
      throw header.error(
        "e_shoff", at: 40, expected: "section header 0 with the number of program headers (PN_XNUM)",
        found: hex(sections))
    }
    return try FieldReader(input, base: sections, count: 64).read("sh_info", at: 44)
  }

  private static func segments(
    _ input: DumpInput, at start: UInt64, count: Int, stride: Int
  ) throws(HostDumpError) -> (loads: [Segment], notes: [Segment]) {
    var loads: [Segment] = []
    var notes: [Segment] = []
    let atOnce = 4096
    for first in Swift.stride(from: 0, to: count, by: atOnce) {
      let take = min(atOnce, count - first)
      let base = start + UInt64(first * stride)
      // Headers in a hole of the file are zero, of type PT_NULL.
      guard let data = input.file.nextData(from: base), data < base + UInt64(take * stride) else { continue }
      let table = try FieldReader(input, base: base, count: take * stride)
      for index in 0..<take {
        let at = index * stride
        let type: UInt32 = try table.read("p_type", at: at)
        guard type == 1 || type == 4 else { continue }
        let segment = Segment(
          place: base + UInt64(at) + 8, offset: try table.read("p_offset", at: at + 8),
          virtual: try table.read("p_vaddr", at: at + 16),
          physical: try table.read("p_paddr", at: at + 24), fileSize: try table.read("p_filesz", at: at + 32),
          memorySize: try table.read("p_memsz", at: at + 40))
        if type == 1 { loads.append(segment) } else { notes.append(segment) }
      }
    }
    return (loads, notes)
  }
}

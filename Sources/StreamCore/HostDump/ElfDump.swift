/// ELF64 vmcores: /proc/vmcore and copies of it, makedumpfile -E, QEMU. Pages are the whole 4096-byte pages of PT_LOADs
/// by p_paddr; a piece of a page at a segment's edge is no page. Source: Documentation/elf.md §1.
struct ElfDump: RunDump {
  let input: DumpInput
  let summary: HostDumpSummary
  let notes: [Note]
  let vmcoreinfo: VMCoreInfo?
  let remarks: [Remark]
  let stretches: [Range<UInt64>]
  /// Frames whose bytes are in the file.
  let stored: FrameRuns
  /// Frames whose bytes lie past the end of the file.
  let lost: FrameRuns
  /// Frames of the PT_LOADs' memory, in the file or not.
  let memory: FrameRuns

  /// One past the highest frame of a 52-bit physical address.
  private static let frameLimit: UInt64 = 1 << 40
  /// PRPSINFO, AUXV and FILE: notes of a process's core, not of a machine's.
  private static let processNotes: Set<UInt32> = [3, 6, 0x4649_4c45]

  /// Opens a file that begins with the ELF magic. Throws when a header field cannot be right, or the core is a
  /// process's.
  init(_ input: DumpInput) throws(HostDumpError) {
    let header = try ElfHeader(input)
    self.input = input
    var remarks = input.remarks
    let notes = try Self.notes(header, input, &remarks)
    self.notes = notes
    remarks += notes.remarks
    vmcoreinfo = notes.vmcoreinfo
    if vmcoreinfo == nil, notes.contains(where: { $0.name == "CORE" && Self.processNotes.contains($0.type) }) {
      throw .unsupported(file: input.path, format: "the core of a process", remedy: "give the host's crash dump")
    }

    var data: [FrameRun] = []
    /// The kernel image, which /proc/vmcore has a second time by its own virtual addresses.
    var image: [FrameRun] = []
    var whole: [FrameRun] = []
    var beyond: [FrameRun] = []
    /// Bytes that the file would have.
    var fileEnd: UInt64 = 0
    var cut = false
    for segment in header.loads where segment.physical != .max {
      let (memoryEnd, overflow) = segment.physical.addingReportingOverflow(segment.memorySize)
      guard !overflow, memoryEnd <= Self.frameLimit << 12 else {
        remarks.append(.damage("PT_LOAD at p_paddr \(hex(segment.physical)) lies above 52 bits: ignored"))
        continue
      }
      whole.append(FrameRun(start: segment.physical >> 12, end: (memoryEnd + 0xfff) >> 12, offset: 0))
      let inFile = min(segment.fileSize, segment.memorySize)
      let available = input.file.held(from: segment.offset, count: inFile)
      let start = (segment.physical + 0xfff) >> 12
      let end = (segment.physical + available) >> 12
      if available < inFile {
        fileEnd = max(fileEnd, segment.offset.addingReportingOverflow(inFile).partialValue)
        // A header that is damaged can name any place; in a file that was cut one segment has the cut.
        cut = cut || segment.offset <= input.file.size
        beyond.append(FrameRun(start: max(start, end), end: (segment.physical + inFile) >> 12, offset: 0))
      }
      guard start < end else { continue }
      let run = FrameRun(start: start, end: end, offset: segment.offset + (start << 12 - segment.physical))
      if segment.virtual >= VirtualAddress.kernelTextBase { image.append(run) } else { data.append(run) }
    }
    if input.file.isCut {
      cut = true
    } else if cut {
      remarks.append(.cut(input.file.size, "its PT_LOADs go on", to: fileEnd))
    } else if !beyond.isEmpty {
      remarks.append(.damage("a PT_LOAD lies past the end of the file"))
    }
    if header.isIncomplete { remarks.append(.markedIncomplete) }
    if header.loads.isEmpty, try ElfSections(header, input).contains(".xen_pages") {
      throw .unsupported(file: input.path, format: "a Xen guest's core", remedy: "Xen hosts are not supported")
    }
    if header.loads.count > 1, !header.loads.contains(where: { $0.physical != 0 }) {
      throw .unsupported(
        file: input.path, format: "an ELF core without physical addresses (all p_paddr are 0)",
        remedy: "copy /proc/vmcore in the capture kernel, or use makedumpfile")
    }
    let conflicts = FrameRuns(preferring: data).conflicts
    stored = FrameRuns(preferring: data + image)
    lost = FrameRuns(preferring: beyond)
    memory = FrameRuns(preferring: whole)
    if conflicts > 0 {
      remarks.append(.damage("\(conflicts) pages lie in two PT_LOADs at different offsets: the first PT_LOAD counts"))
    }
    if let byte = stored.sharedByte { throw Self.sharing(byte, header, input) }
    guard !stored.runs.isEmpty else {
      throw .format(
        FormatError(
          file: input.path, offset: 56, field: "e_phnum", expected: "a PT_LOAD with at least one page in the file",
          found: "\(header.loads.count) PT_LOADs, none"
            + (input.file.isCut ? " in what is left: makedumpfile writes these headers last, and the file is cut" : ""))
      )
    }
    summary = HostDumpSummary(
      format: "elf", headerVersion: nil, codec: nil, dumpLevel: nil,
      frames: memory.runs.last?.end ?? 0,
      storedPages: stored.frameCount, incomplete: header.isIncomplete || cut)
    self.remarks = remarks
    stretches = stored.stretches(in: input.file)
  }

  /// Two PT_LOADs have the byte at `byte` of the file, for different pages: p_offset, p_filesz or p_paddr of one is
  /// damaged, and which one cannot be told.
  private static func sharing(_ byte: UInt64, _ header: ElfHeader, _ input: DumpInput) -> HostDumpError {
    let holders = header.loads.filter { load in
      load.physical != .max && load.offset <= byte && byte - load.offset < min(load.fileSize, load.memorySize)
    }
    let pages = holders.prefix(4).map { hex($0.physical + (byte - $0.offset)) }.joined(separator: " and ")
    return .format(
      FormatError(
        file: input.path, offset: holders.first?.place ?? 0, field: "p_offset",
        expected: "bytes that no other page has",
        found: "byte \(hex(byte)) for physical addresses \(pages); a program header is damaged and nothing can say "
          + "which page is whose: copy the dump again"))
  }

  private static func notes(
    _ header: ElfHeader, _ input: DumpInput, _ remarks: inout [Remark]
  ) throws(HostDumpError) -> [Note] {
    var notes: [Note] = []
    var room = Note.maximumBytes
    for segment in header.notes.prefix(Note.maximumSegments) {
      guard segment.offset <= input.file.size, segment.fileSize <= input.file.size - segment.offset,
        segment.fileSize <= room
      else {
        remarks.append(
          .damage(
            "PT_NOTE at \(hex(segment.offset)) of \(segment.fileSize) bytes lies outside the file or is too large: ignored"
          ))
        continue
      }
      room -= segment.fileSize
      let (found, remark) = Note.parse(
        try input.header(at: segment.offset, count: Int(segment.fileSize)), limit: Note.maximumCount - notes.count)
      notes += found
      if let remark { remarks.append(remark) }
    }
    if header.notes.count > Note.maximumSegments {
      remarks.append(
        .damage("\(header.notes.count) PT_NOTEs: those behind the first \(Note.maximumSegments) are ignored"))
    }
    return notes
  }
}

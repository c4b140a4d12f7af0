/// ELF64 vmcores: /proc/vmcore and copies of it, makedumpfile -E, QEMU. Pages are the whole 4096-byte pages of PT_LOADs
/// by p_paddr; a piece of a page at a segment's edge is no page. Source: Documentation/elf.md §1.
struct ElfDump: HostDump {
  let input: DumpInput
  let summary: HostDumpSummary
  let notes: [Note]
  let vmcoreinfo: VMCoreInfo?
  let remarks: [Remark]
  let stretches: [Range<UInt64>]
  /// Frames whose bytes are in the file.
  private let stored: FrameRuns
  /// Frames whose bytes lie past the end of the file.
  private let lost: FrameRuns
  /// Frames of the PT_LOADs' memory, in the file or not.
  private let memory: FrameRuns

  /// One past the highest frame of a 52-bit physical address.
  private static let frameLimit: UInt64 = 1 << 40
  /// PRPSINFO, AUXV and FILE: notes of a process's core, not of a machine's.
  private static let processNotes: Set<UInt32> = [3, 6, 0x4649_4c45]

  /// Opens a file that begins with the ELF magic. Throws when a header field cannot be right, or the core is a
  /// process's.
  init(_ input: DumpInput) throws(HostDumpError) {
    let header = try ElfHeader(input)
    self.input = input
    var remarks: [Remark] = []
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
      let available = segment.offset < input.file.size ? min(inFile, input.file.size - segment.offset) : 0
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
    if cut {
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
          found: "\(header.loads.count) PT_LOADs, none"))
    }
    summary = HostDumpSummary(
      format: "elf", headerVersion: nil, codec: nil, dumpLevel: nil,
      frames: memory.runs.last?.end ?? 0,
      storedPages: stored.runs.reduce(0) { $0 + ($1.end - $1.start) }, incomplete: header.isIncomplete || cut)
    self.remarks = remarks
    stretches = Self.stretches(of: stored, in: input.file)
  }

  func presence(_ frame: UInt64) -> Presence {
    if stored.run(of: frame) != nil { return .stored }
    if lost.run(of: frame) != nil { return .lost }
    return memory.run(of: frame) == nil ? .unknown : .notStored
  }

  func presenceRun(_ frame: UInt64, limit: UInt64) -> (presence: Presence, end: UInt64) {
    if let run = stored.run(of: frame) { return (.stored, min(run.end, limit)) }
    var next = stored.begin(above: frame, limit: limit)
    if let run = lost.run(of: frame) { return (.lost, min(run.end, next)) }
    next = lost.begin(above: frame, limit: next)
    if let run = memory.run(of: frame) { return (.notStored, min(run.end, next)) }
    return (.unknown, memory.begin(above: frame, limit: next))
  }

  /// What is stored lies in the file.
  func forEachFault(in frames: Range<UInt64>, _ body: (UInt64, PageFault.Kind) throws -> Void) -> Int { 0 }

  func visit(
    _ frames: Range<UInt64>, page: (StoredPage) throws -> Void, fault: (PageFault) throws -> Void
  ) throws {
    var index = stored.firstIndex(endingAbove: frames.lowerBound)
    while index < stored.runs.count, stored.runs[index].start < frames.upperBound {
      let run = stored.runs[index]
      for frame in max(run.start, frames.lowerBound)..<min(run.end, frames.upperBound) {
        let offset = run.offset + (frame - run.start) * UInt64(pageSize)
        try page(StoredPage(frame: frame, offset: offset, size: UInt32(pageSize), codec: .raw))
      }
      index += 1
    }
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

  /// Windows of frames that have bytes in the file. What lies in holes is zero, and a sparse file can have exabytes of
  /// it.
  private static func stretches(of stored: FrameRuns, in file: InputFile) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for run in stored.runs {
      // The window before is in already: go on behind it.
      var frame = max(run.start, result.last?.upperBound ?? 0)
      while frame < run.end {
        let place = run.offset + (frame - run.start) * UInt64(pageSize)
        guard let data = file.nextData(from: place) else { break }
        frame += (data - place) / UInt64(pageSize)
        guard frame < run.end else { break }
        let window = frame / HostDumpLimits.stretch * HostDumpLimits.stretch
        result.append(window..<window + HostDumpLimits.stretch)
        frame = window + HostDumpLimits.stretch
      }
    }
    return result
  }
}

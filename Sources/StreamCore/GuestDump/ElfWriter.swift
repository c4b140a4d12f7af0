import Synchronization

/// Writes an ELF64 core: one PT_LOAD a run of present pages, zero pages as holes of a sparse file, absent and bad pages
/// in no PT_LOAD. Pages must come raw. Source: Documentation/elf.md §2, §4.1.
final class ElfWriter: GuestDumpWriter {
  static let format = GuestDumpFormat(
    name: "elf", fileExtension: "elf", codecs: [.raw],
    open: { image, path, _ throws(GuestDumpError) in try ElfWriter(image, path: path) })

  private let image: GuestImage
  private let notes: GuestNotes
  private let layout: ElfLayout
  private let file: OutputFile
  private let ledger: Mutex<PageLedger>

  init(
    _ image: GuestImage, path: String, temporaries: TemporaryFiles = .shared
  ) throws(GuestDumpError) {
    self.image = image
    notes = GuestNotes(vcpus: image.vcpus, vmcoreinfo: image.vmcoreinfo)
    let segments = Self.segmentCount(image, image.present)
    guard image.present.end <= 1 << 52,
      let layout = ElfLayout(segments: segments, notes: notes, pages: image.present.count)
    else { throw .tooLarge(path: path) }
    self.layout = layout
    do throws(SystemError) {
      file = try OutputFile(path: path, temporaries: temporaries)
    } catch { throw .cannotCreate(error) }
    ledger = Mutex(PageLedger(image.present))
  }

  let sharesPages = false

  /// Pages that follow each other in the payload and in the file are one range.
  func append(_ batch: OutputBatch) -> [PayloadRange] {
    ledger.withLock { ledger in
      var ranges: [PayloadRange] = []
      for page in batch.pages {
        guard let rank = ledger.arrive(page.guestFrame) else { continue }
        guard case .stored(let start, let count, let codec) = page.content else {
          if page.content != .zero { ledger.note(.unusable(frame: page.guestFrame)) }
          continue
        }
        guard count == pageSize, codec == .raw, start >= 0, start <= batch.payloadCount - count else {
          ledger.note(.unusable(frame: page.guestFrame))
          continue
        }
        let offset = layout.offset(rank: rank)
        if let last = ranges.last, last.range.upperBound == start, last.offset + UInt64(last.range.count) == offset {
          ranges[ranges.count - 1].range = last.range.lowerBound..<start + count
        } else {
          ranges.append(PayloadRange(range: start..<start + count, offset: offset))
        }
      }
      return ranges
    }
  }

  func write(_ bytes: GatheredBytes, at offset: UInt64) throws(SystemError) {
    do throws(SystemError) {
      try file.write(bytes, at: offset)
    } catch {
      ledger.withLock { $0.note(error) }
      throw error
    }
  }

  func markBad(_ guestFrame: UInt64) { ledger.withLock { $0.markBad(guestFrame) } }

  func complete() throws(GuestDumpError) -> CompletedDump {
    try ledger.withLock { ledger throws(GuestDumpError) in
      try ledger.close(file.path)
      guard ledger.kept.count > 0 else { throw .noPages(path: file.path) }
      let segments = Self.segmentCount(image, ledger.kept)
      guard segments <= layout.room else {
        throw .tooManySegments(path: file.path, needed: segments, room: layout.room)
      }
      do throws(SystemError) {
        try writeHeaders(ledger.kept, segments: segments)
        try file.truncate(to: layout.end)
      } catch { throw .system(error) }
      return CompletedDump(
        file,
        OutputSummary(
          bytes: layout.end, pages: ledger.kept.count, badPages: ledger.badPages, format: Self.format.name,
          codec: PageCodec.raw.name))
    }
  }

  private func writeHeaders(_ kept: FrameBitmap, segments: UInt64) throws(SystemError) {
    try file.write(layout.header(segments: segments), at: 0)
    if let section = layout.sectionHeader(segments: segments) { try file.write(section.bytes, at: section.offset) }
    try file.write(notes.bytes, at: layout.notes)
    var headers = SequentialWriter(file, at: ElfLayout.headerSize)
    try headers.write(layout.noteHeader)
    try kept.writeEachRun { run throws(SystemError) in
      let physical = GPA(frame: run.lowerBound)
      let virtual = image.directMapBase.map { $0 &+ physical.rawValue } ?? 0
      try headers.write(load(run, virtual: virtual))
    }
    for segment in image.kernelImage {
      guard let frames = Self.frames(of: segment) else { continue }
      try kept.writeEachRun(in: frames) { run throws(SystemError) in
        let virtual = segment.virtual &+ (GPA(frame: run.lowerBound).rawValue &- segment.physical.rawValue)
        try headers.write(load(run, virtual: virtual.rawValue))
      }
    }
    try headers.flush()
  }

  private func load(_ run: Range<UInt64>, virtual: UInt64) -> [UInt8] {
    layout.loadHeader(
      rank: image.present.rank(run.lowerBound), virtual: virtual, physical: GPA(frame: run.lowerBound).rawValue,
      pages: run.upperBound - run.lowerBound)
  }

  /// PT_NOTE, a PT_LOAD a run, a PT_LOAD a run of the kernel image.
  private static func segmentCount(_ image: GuestImage, _ pages: FrameBitmap) -> UInt64 {
    var count: UInt64 = 1
    pages.forEachRun { _ in count += 1 }
    for segment in image.kernelImage {
      guard let frames = frames(of: segment) else { continue }
      pages.forEachRun(in: frames) { _ in count += 1 }
    }
    return count
  }

  /// The whole pages of a stretch of the kernel image; `nil` when there is none, or the two addresses differ within a
  /// page.
  private static func frames(of segment: KernelImageSegment) -> Range<UInt64>? {
    let (end, overflow) = segment.physical.rawValue.addingReportingOverflow(segment.bytes)
    let first = segment.physical.frame + (segment.physical.pageOffset == 0 ? 0 : 1)
    guard !overflow, segment.virtual.pageOffset == segment.physical.pageOffset, first < end >> 12 else { return nil }
    return first..<end >> 12
  }
}

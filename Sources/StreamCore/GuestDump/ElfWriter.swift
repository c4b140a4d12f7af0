import Synchronization

/// Writes an ELF64 core: one PT_LOAD a run of present pages, zero pages as holes of a sparse file, absent and bad pages
/// in no PT_LOAD. Pages must come raw. Source: Documentation/elf.md §2, §4.1.
final class ElfWriter: GuestDumpWriter {
  static let format = GuestDumpFormat(
    name: "elf", fileExtension: "elf", codecs: [.raw],
    open: { image, name, place, _ throws(GuestDumpError) in try ElfWriter(image, name, in: place) })

  private let headers: ElfHeaders
  private let file: OutputFile
  private let ledger: Mutex<PageLedger>

  init(_ image: GuestImage, _ name: String, in place: OutputPlace) throws(GuestDumpError) {
    guard let headers = ElfHeaders(image) else { throw .tooLarge(path: place.path(of: name)) }
    self.headers = headers
    do throws(SystemError) {
      file = try OutputFile(name, in: place)
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
        let offset = headers.layout.offset(rank: rank)
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
      let segments = headers.segmentCount(ledger.kept)
      guard segments <= headers.layout.room else {
        throw .tooManySegments(path: file.path, needed: segments, room: headers.layout.room)
      }
      do throws(SystemError) {
        try headers.forEachPart(keeping: ledger.kept) { part throws(SystemError) in try file.write(part) }
        try file.truncate(to: headers.layout.end)
      } catch { throw .system(error) }
      return CompletedDump(
        file,
        OutputSummary(
          bytes: headers.layout.end, pages: ledger.kept.count, badPages: ledger.badPages, format: Self.format.name,
          codec: PageCodec.raw.name))
    }
  }
}

import Synchronization

/// Writes makedumpfile's kdump-compressed format, header version 6. The stored bytes are appended as they come;
/// descriptors go to the place that the frame's rank gives them. Source: Documentation/kdump-compressed.md §1-6, §9.
final class KdumpWriter: GuestDumpWriter {
  static let format = GuestDumpFormat(
    name: "kdump", fileExtension: "kdump", codecs: PageCodec.allCases,
    open: { image, name, place, memory throws(GuestDumpError) in
      try KdumpWriter(image, name, in: place, memory: memory)
    })

  private struct State {
    var ledger: PageLedger
    /// File offset of the next stored page.
    var dataEnd: UInt64
    var table: PageDescriptorTable
  }
  private let image: GuestImage
  private let layout: KdumpLayout
  private let file: OutputFile
  private let state: Mutex<State>

  /// - Parameter memory: bytes for the descriptors that are gathered before they are written.
  init(
    _ image: GuestImage, _ name: String, in place: OutputPlace, memory: Int
  ) throws(GuestDumpError) {
    let notes = GuestNotes(vcpus: image.vcpus, vmcoreinfo: image.vmcoreinfo)
    guard let layout = KdumpLayout(image, notes: notes) else { throw .tooLarge(path: place.path(of: name)) }
    self.image = image
    self.layout = layout
    do throws(SystemError) {
      file = try OutputFile(name, in: place)
    } catch { throw .cannotCreate(error) }
    state = Mutex(
      State(
        ledger: PageLedger(image.present), dataEnd: layout.data,
        table: PageDescriptorTable(
          file, at: layout.descriptors, count: layout.pages, memory: memory)))
  }

  let sharesPages = true

  func append(_ batch: OutputBatch) throws(SystemError) -> [PayloadRange] {
    try state.withLock { state throws(SystemError) in
      do throws(SystemError) {
        return try append(batch, &state)
      } catch {
        state.ledger.note(error)
        throw error
      }
    }
  }

  /// The payload goes behind what is there, as a whole.
  private func append(_ batch: OutputBatch, _ state: inout State) throws(SystemError) -> [PayloadRange] {
    let base = state.dataEnd
    state.dataEnd += UInt64(batch.payloadCount)
    for page in batch.pages {
      guard let rank = state.ledger.arrive(page.guestFrame) else { continue }
      switch page.content {
      case .zero:
        try state.table.add(index: rank, offset: layout.zeroPage, size: pageSize, codec: .raw)
      case .stored(let start, let count, let codec):
        guard Self.canStore(count, codec), start >= 0, start <= batch.payloadCount - count else {
          state.ledger.note(.unusable(frame: page.guestFrame))
          continue
        }
        try state.table.add(index: rank, offset: base + UInt64(start), size: count, codec: codec)
      case .placed(let offset, let count, let codec):
        guard Self.canStore(count, codec), offset >= layout.data, offset <= base,
          UInt64(count) <= base - offset
        else {
          state.ledger.note(.unusable(frame: page.guestFrame))
          continue
        }
        try state.table.add(index: rank, offset: offset, size: count, codec: codec)
      }
    }
    return batch.payloadCount == 0 ? [] : [PayloadRange(range: 0..<batch.payloadCount, offset: base)]
  }

  private static func canStore(_ count: Int, _ codec: PageCodec) -> Bool {
    (1...pageSize).contains(count) && (codec != .raw || count == pageSize)
  }

  func write(_ bytes: GatheredBytes, at offset: UInt64) throws(SystemError) {
    do throws(SystemError) {
      try file.write(bytes, at: offset)
    } catch {
      state.withLock { $0.ledger.note(error) }
      throw error
    }
  }

  func markBad(_ guestFrame: UInt64) { state.withLock { $0.ledger.markBad(guestFrame) } }

  func complete() throws(GuestDumpError) -> CompletedDump {
    try state.withLock { state throws(GuestDumpError) in
      try state.ledger.close(file.path)
      do throws(SystemError) { try writeRest(&state) } catch { throw .system(error) }
      return CompletedDump(
        file,
        OutputSummary(
          bytes: state.dataEnd, pages: state.ledger.kept.count, badPages: state.ledger.badPages,
          format: Self.format.name, codec: image.codec.name))
    }
  }

  private func writeRest(_ state: inout State) throws(SystemError) {
    try state.table.flush()
    if state.ledger.badPages > 0 {
      try state.table.compact(image.present, keeping: state.ledger.kept)
    }
    try layout.forEachPart(of: image, keeping: state.ledger.kept) { part throws(SystemError) in try file.write(part) }
    try file.truncate(to: state.dataEnd)
  }
}

/// Hands the pages of one step after the other to the writers, guest by guest, and says what is to be written where:
/// the part of the pass that must follow the order of the host's frames. What a guest has of one step waits for more of
/// the next ones until it is worth a write: with many guests of scattered pages a step has a few for each.
struct PagePlacer {
  /// Bytes of one guest's file.
  struct Write: Sendable {
    var writer: any GuestDumpWriter
    var pieces: ArraySlice<GatheredBytes.Piece>
    var offset: UInt64
  }

  /// Pages that a writer is given at once: one frame can stand at any number of guest frames.
  private static let pagesAtOnce = 32_768
  /// Pages that a guest gathers at most. Nine of ten may be zero.
  private static let mostWaiting = 2048

  /// Pages that a guest gathers before they go to its writer.
  private let waiting: Int
  /// By owner of an extent: index in `lanes`.
  private let laneOf: [Int]
  private var lanes: [GuestLane]
  private var writes: [Write] = []
  /// Where bytes stand already that guests may want again: of a host frame that several windows share out.
  private var placed = PlacedPages()

  /// What was seen of each guest, by its index.
  var tallies: [Int: GuestTally] { Dictionary(uniqueKeysWithValues: lanes.map { ($0.owner, $0.tally) }) }

  /// - Parameter memory: for the pages that wait, bytes.
  init(_ outputs: [GuestOutput], memory: UInt64) {
    let page = MemoryLayout<OutputPage>.stride + GuestLane.bytesPerPiece
    waiting = min(Self.mostWaiting, Int(clamping: memory) / max(1, outputs.count) / page)
    lanes = outputs.map(GuestLane.init)
    var laneOf = Array(repeating: 0, count: (outputs.map(\.owner).max() ?? 0) + 1)
    for (lane, output) in outputs.enumerated() { laneOf[output.owner] = lane }
    self.laneOf = laneOf
  }

  /// - Parameter isPart: the window has a part only of the guest frames that want these host frames.
  mutating func place(_ step: ExtractedStep, isPart: Bool) throws -> [Write] {
    placed.begin(step.step.frames)
    for extent in step.step.extents { lanes[laneOf[extent.owner]].announce(extent) }
    for extent in step.step.extents {
      let lane = laneOf[extent.owner]
      for index in 0..<extent.count {
        try add(extent.guest + index, extent.host + index, step, lane, isPart)
      }
    }
    for extent in step.step.extents {
      let lane = laneOf[extent.owner]
      guard lanes[lane].isOpen else { continue }
      if isPart || lanes[lane].isWorthWriting(pages: waiting) { try flush(lane, isPart) }
      lanes[lane].end()
    }
    // Bytes of the step's own go with it, whoever has them.
    if !step.payload.isEmpty { try flushAll() }
    defer { writes = [] }
    return writes
  }

  /// What still waits, after the last step.
  mutating func end() throws -> [Write] {
    try flushAll()
    defer { writes = [] }
    return writes
  }

  private mutating func flushAll() throws {
    for lane in lanes.indices { try flush(lane, false) }
  }

  private mutating func add(
    _ guestFrame: UInt64, _ frame: UInt64, _ step: ExtractedStep, _ lane: Int, _ isPart: Bool
  ) throws {
    switch step.results[step.result(of: frame)] {
    case .zero:
      lanes[lane].pages.append(OutputPage(guestFrame: guestFrame, content: .zero))
      lanes[lane].tally.zero += 1
    case .stored(let piece, let codec):
      let content = lanes[lane].content(frame, piece, codec, placed[lane, frame])
      lanes[lane].pages.append(OutputPage(guestFrame: guestFrame, content: content))
    case .fault(let fault):
      lanes[lane].writer.markBad(guestFrame)
      lanes[lane].tally.faults.note(fault, at: guestFrame)
    }
    if lanes[lane].pages.count >= Self.pagesAtOnce { try flush(lane, true) }
  }

  /// - Parameter remembers: the same host frames can be wanted again.
  private mutating func flush(_ lane: Int, _ remembers: Bool) throws {
    let batch = lanes[lane].takeBatch()
    guard !batch.pages.isEmpty else { return }
    let ranges = try lanes[lane].writer.append(OutputBatch(payloadCount: batch.payloadCount, pages: batch.pages))
    for range in ranges {
      let first = batch.starts.partitioningIndex { $0 >= range.range.lowerBound }
      let end = batch.starts.partitioningIndex { $0 >= range.range.upperBound }
      writes.append(Write(writer: lanes[lane].writer, pieces: batch.pieces[first..<end], offset: range.offset))
    }
    if remembers, lanes[lane].writer.sharesPages, let base = ranges.first?.offset {
      for (index, frame) in batch.frames.enumerated() {
        placed[lane, frame] = .placed(
          offset: base + UInt64(batch.starts[index]), count: batch.pieces[index].count, codec: batch.codecs[index]
        )
      }
    }
  }
}

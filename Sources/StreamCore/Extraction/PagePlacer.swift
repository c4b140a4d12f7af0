/// Hands the pages of one step after the other to the writers, guest by guest, and says what is to be written where:
/// the part of the pass that must follow the order of the host's frames. What a guest has of one step waits for more of
/// the next ones until it is worth a write: with many guests of scattered pages a step has a few for each.
struct PagePlacer {
  /// Bytes of one guest's file.
  struct Write: Sendable {
    var owner: Int
    var pieces: ArraySlice<GatheredBytes.Piece>
    var offset: UInt64
  }

  /// Pages that a writer is given at once: one frame can stand at any number of guest frames.
  private static let pagesAtOnce = 32_768
  /// Pages that a guest gathers at most. Nine of ten may be zero.
  private static let mostWaiting = 2048

  /// Pages that a guest gathers before they go to its writer.
  private let waiting: Int
  private let writers: [any GuestDumpWriter]
  private var lanes: [Lane]
  private var writes: [Write] = []
  /// Where bytes stand already that guests may want again: of a host frame that several windows share out.
  private var placed = PlacedPages()
  private(set) var tallies: [Extraction.Tally]

  /// - Parameter memory: for the pages that wait, bytes.
  init(_ writers: [any GuestDumpWriter], memory: UInt64) {
    self.writers = writers
    let page = MemoryLayout<OutputPage>.stride + Lane.bytesPerPiece
    waiting = min(Self.mostWaiting, Int(clamping: memory) / max(1, writers.count) / page)
    lanes = writers.map { Lane(sharesPages: $0.sharesPages) }
    tallies = Array(repeating: .init(), count: writers.count)
  }

  /// - Parameter isPart: the window has a part only of the guest frames that want these host frames.
  mutating func place(_ step: ExtractedStep, isPart: Bool) throws -> [Write] {
    placed.begin(step.step.frames)
    for extent in step.step.extents { lanes[extent.owner].announce(extent) }
    for extent in step.step.extents {
      for index in 0..<extent.count {
        try add(extent.guest + index, extent.host + index, step, extent.owner, isPart)
      }
    }
    for extent in step.step.extents where lanes[extent.owner].isOpen {
      if isPart || lanes[extent.owner].isWorthWriting(pages: waiting) { try flush(extent.owner, isPart) }
      lanes[extent.owner].end()
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
    for owner in lanes.indices { try flush(owner, false) }
  }

  private mutating func add(
    _ guestFrame: UInt64, _ frame: UInt64, _ step: ExtractedStep, _ owner: Int, _ isPart: Bool
  ) throws {
    switch step.results[step.result(of: frame)] {
    case .zero:
      lanes[owner].pages.append(OutputPage(guestFrame: guestFrame, content: .zero))
      tallies[owner].zero += 1
    case .stored(let piece, let encoding):
      let content = lanes[owner].content(frame, piece, encoding, placed[owner, frame])
      lanes[owner].pages.append(OutputPage(guestFrame: guestFrame, content: content))
    case .bad(let page):
      writers[owner].markBad(guestFrame)
      tallies[owner].note(FaultyPage(guestFrame: guestFrame, page, isLost: false))
    case .lost(let page):
      writers[owner].markBad(guestFrame)
      tallies[owner].note(FaultyPage(guestFrame: guestFrame, page, isLost: true))
    }
    if lanes[owner].pages.count >= Self.pagesAtOnce { try flush(owner, true) }
  }

  /// - Parameter remembers: the same host frames can be wanted again.
  private mutating func flush(_ owner: Int, _ remembers: Bool) throws {
    let batch = lanes[owner].takeBatch()
    guard !batch.pages.isEmpty else { return }
    let places = try writers[owner].append(OutputBatch(payloadCount: batch.payloadCount, pages: batch.pages))
    for place in places {
      let first = batch.starts.partitioningIndex { $0 >= place.range.lowerBound }
      let end = batch.starts.partitioningIndex { $0 >= place.range.upperBound }
      writes.append(Write(owner: owner, pieces: batch.pieces[first..<end], offset: place.offset))
    }
    if remembers, writers[owner].sharesPages, let base = places.first?.offset {
      for (index, frame) in batch.frames.enumerated() {
        placed[owner, frame] = .placed(
          offset: base + UInt64(batch.starts[index]), count: batch.pieces[index].count, encoding: batch.encodings[index]
        )
      }
    }
  }
}

/// What goes to one guest.
private struct Lane {
  struct Batch {
    var pages: [OutputPage] = []
    /// One for each stored page: its bytes, its host frame, its encoding, and where it begins in the payload.
    var pieces: [GatheredBytes.Piece] = []
    var frames: [UInt64] = []
    var encodings: [PageEncoding] = []
    var starts: [Int] = []
    var payloadCount = 0
  }

  /// What a stored page takes in a batch besides the page itself.
  static let bytesPerPiece =
    MemoryLayout<GatheredBytes.Piece>.stride + MemoryLayout<UInt64>.stride + MemoryLayout<PageEncoding>.stride
    + MemoryLayout<Int>.stride

  let sharesPages: Bool
  private(set) var isOpen = false
  /// One past the last host frame of the extents so far.
  private var lastEnd: UInt64 = 0
  private var repeats = false
  private var batch = Batch()
  /// Where bytes of the step's host frames stand in the batch; kept only where a frame is wanted twice.
  private var contents: [UInt64: OutputPage.Content] = [:]

  init(sharesPages: Bool) { self.sharesPages = sharesPages }

  var pages: [OutputPage] {
    get { batch.pages }
    _modify { yield &batch.pages }
  }

  /// So many pages, or 256 KiB.
  func isWorthWriting(pages: Int) -> Bool { batch.pages.count >= pages || batch.payloadCount >= 256 << 10 }

  /// Extents come in the order of their host frames, so that one that begins before another's end repeats frames.
  mutating func announce(_ extent: Extent) {
    if extent.host < lastEnd { repeats = true }
    lastEnd = max(lastEnd, extent.host + extent.count)
    isOpen = true
  }

  /// A page goes into a guest's file once, however many of its frames want it, where the format can share it.
  mutating func content(
    _ frame: UInt64, _ piece: GatheredBytes.Piece, _ encoding: PageEncoding, _ placed: OutputPage.Content?
  ) -> OutputPage.Content {
    if sharesPages {
      if repeats, let known = contents[frame] { return known }
      if let placed { return placed }
    }
    let content = OutputPage.Content.stored(start: batch.payloadCount, count: piece.count, encoding: encoding)
    batch.pieces.append(piece)
    batch.frames.append(frame)
    batch.encodings.append(encoding)
    batch.starts.append(batch.payloadCount)
    batch.payloadCount += piece.count
    if repeats { contents[frame] = content }
    return content
  }

  mutating func takeBatch() -> Batch {
    contents = [:]
    defer { batch = Batch() }
    return batch
  }

  /// Ends the step.
  mutating func end() {
    isOpen = false
    lastEnd = 0
    repeats = false
    contents = [:]
  }
}

/// Contents that stand in the files already, for one step's host frames.
private struct PlacedPages {
  private struct Key: Hashable {
    var owner: Int
    var frame: UInt64
  }
  private var step: Range<UInt64> = 0..<0
  private var contents: [Key: OutputPage.Content] = [:]

  mutating func begin(_ frames: Range<UInt64>) {
    if step != frames { contents = [:] }
    step = frames
  }

  subscript(owner: Int, frame: UInt64) -> OutputPage.Content? {
    get { contents.isEmpty ? nil : contents[Key(owner: owner, frame: frame)] }
    set { contents[Key(owner: owner, frame: frame)] = newValue }
  }
}

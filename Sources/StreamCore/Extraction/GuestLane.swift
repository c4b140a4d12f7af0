/// What goes to one guest.
struct GuestLane {
  struct Batch {
    var pages: [OutputPage] = []
    /// One for each stored page: its bytes, its host frame, its codec, and where it begins in the payload.
    var pieces: [GatheredBytes.Piece] = []
    var frames: [UInt64] = []
    var codecs: [PageCodec] = []
    var starts: [Int] = []
    var payloadCount = 0
  }

  /// What a stored page takes in a batch besides the page itself.
  static let bytesPerPiece =
    MemoryLayout<GatheredBytes.Piece>.stride + MemoryLayout<UInt64>.stride + MemoryLayout<PageCodec>.stride
    + MemoryLayout<Int>.stride

  /// The guest's index.
  let owner: Int
  let writer: any GuestDumpWriter
  private let sharesPages: Bool
  var tally = GuestTally()
  private(set) var isOpen = false
  /// One past the last host frame of the extents so far.
  private var lastEnd: UInt64 = 0
  private var repeats = false
  private var batch = Batch()
  /// Where bytes of the step's host frames stand in the batch; kept only where a frame is wanted twice.
  private var contents: [UInt64: OutputPage.Content] = [:]

  init(_ output: GuestOutput) {
    owner = output.owner
    writer = output.writer
    sharesPages = output.writer.sharesPages
  }

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
    _ frame: UInt64, _ piece: GatheredBytes.Piece, _ codec: PageCodec, _ placed: OutputPage.Content?
  ) -> OutputPage.Content {
    if sharesPages {
      if repeats, let known = contents[frame] { return known }
      if let placed { return placed }
    }
    let content = OutputPage.Content.stored(start: batch.payloadCount, count: piece.count, codec: codec)
    batch.pieces.append(piece)
    batch.frames.append(frame)
    batch.codecs.append(codec)
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

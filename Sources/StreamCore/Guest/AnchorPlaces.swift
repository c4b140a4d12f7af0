/// Where in the VMM's memory the host frames of anchors are mapped, each of its pages asked once. A frame can have several
/// places: KSM merges pages, and a VMM can map the guest's memory twice.
struct AnchorPlaces {
  /// Places of one frame that are told apart; with more it says nothing.
  private static let limit = 4

  /// The anchors' host frames, ascending, without doubles; and of each how many places it has, and the first of them.
  private let frames: [UInt64]
  private var counts: [UInt8]
  private var pages: [UInt64]
  /// Frames, by index, that may still get a place that counts.
  private var open: [Int]
  private var closed = 0

  init(
    of anchors: [JoinAnchor], in memory: ProcessPages, _ cancellation: Cancellation
  ) throws(BlockJoin.Fault) {
    var marks = FrameBitmap()
    for anchor in anchors { marks.insert(anchor.host) }
    marks.freeze()
    frames = Set(anchors.map(\.host)).sorted()
    counts = [UInt8](repeating: 0, count: frames.count)
    pages = [UInt64](repeating: 0, count: frames.count * Self.limit)
    open = Array(frames.indices)
    var met = MapCounts()
    do throws(Cancelled) {
      try memory.walk(0..<memory.pageLimit, &met) { (run) throws(Cancelled) in
        if cancellation.isCancelled { throw Cancelled() }
        guard case .frames(let frame) = run.content, run.count > 0 else { return }
        let (end, isOver) = frame.addingReportingOverflow(run.count)
        guard !isOver, marks.rank(end) > marks.rank(frame) else { return }
        note(frame..<end, at: run.page)
      }
    } catch { throw .cancelled }
    if met.tables >= memory.tableLimit { throw .tooManyTables(memory.tableLimit) }
    let lost = met.absentTables &+ met.badTables
    // An address that is not seen could be the one that the guest's memory has.
    if lost > 0 { throw .lostTables(lost) }
  }

  private mutating func note(_ run: Range<UInt64>, at page: UInt64) {
    var next = open.partitioningIndex { frames[$0] >= run.lowerBound }
    while next < open.count, frames[open[next]] < run.upperBound {
      let index = open[next]
      next += 1
      guard counts[index] <= Self.limit else { continue }
      if counts[index] < Self.limit {
        pages[index * Self.limit + Int(counts[index])] = page &+ (frames[index] - run.lowerBound)
      } else {
        closed += 1
      }
      counts[index] += 1
    }
    // However often a file's tables name a frame, it is looked at a few times.
    guard closed > 64, closed > open.count / 2 else { return }
    open.removeAll { counts[$0] > Self.limit }
    closed = 0
  }

  /// How far the pages that have an anchor's frame, all of them, are from its guest frame: ascending. Empty where there
  /// are none, or too many.
  func deltas(of anchor: JoinAnchor) -> [UInt64] {
    let index = frames.partitioningIndex { $0 >= anchor.host }
    guard index < frames.count, frames[index] == anchor.host, counts[index] <= Self.limit else { return [] }
    let first = index * Self.limit
    return pages[first..<first + Int(counts[index])].map { $0 &- anchor.guest }.sorted()
  }
}

/// Joins what the second-level tables have of a slot with what the VMM's page tables have: both come ascending.
struct MapJoin<E: Error> {
  /// By what word the pages are known that the tables lack.
  private let source: MapSource
  private var runs = JoinedRuns<MapRun>()

  init(source: MapSource = .slots) { self.source = source }

  /// Takes the next run of the page tables.
  /// - Parameters:
  ///   - guestFrame: of its first page.
  ///   - tables: what is left of the tables' runs in this slot.
  mutating func add(
    _ run: ProcessPages.Run, at guestFrame: UInt64, over tables: inout ArraySlice<MapRun>, _ counts: inout MapCounts,
    _ absent: (Range<UInt64>, AbsentReason) throws(E) -> Void, _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    var at = guestFrame
    let end = guestFrame &+ run.count
    while at < end {
      guard let next = tables.first, next.gpaFrame < end else {
        try hand(run, from: at - guestFrame, to: end - guestFrame, at: at, &counts, absent, body)
        return
      }
      if next.gpaFrame > at {
        try hand(run, from: at - guestFrame, to: next.gpaFrame - guestFrame, at: at, &counts, absent, body)
        at = next.gpaFrame
        continue
      }
      tables.removeFirst()
      if next.gpaFrame < at, let before = next.clipped(to: 0..<at) {
        // The page tables have nothing there.
        counts.unbacked.note(before.gpaFrame, before.count)
        try emit(before, body)
      }
      guard next.end > at else { continue }
      let stop = min(end, next.end)
      if let common = next.clipped(to: at..<stop) {
        compare(common, run, at - guestFrame, &counts)
        try emit(common, body)
      }
      if let rest = next.clipped(to: stop..<UInt64.max) { tables.insert(rest, at: tables.startIndex) }
      at = stop
    }
  }

  /// Ends a slot: what the tables have and the page tables did not.
  mutating func end(
    slot tables: inout ArraySlice<MapRun>, _ counts: inout MapCounts, _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    for run in tables {
      counts.unbacked.note(run.gpaFrame, run.count)
      try emit(run, body)
    }
    tables = []
  }

  mutating func flush(_ body: (MapRun) throws(E) -> Void) throws(E) { try runs.flush(body) }

  /// Pages that the VMM has and the tables lack.
  private mutating func hand(
    _ run: ProcessPages.Run, from start: UInt64, to end: UInt64, at guestFrame: UInt64, _ counts: inout MapCounts,
    _ absent: (Range<UInt64>, AbsentReason) throws(E) -> Void, _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    switch run.content {
    case .frames(let frame):
      try emit(
        MapRun(
          gpaFrame: guestFrame, hostFrame: frame &+ start, count: end - start,
          source: frame >= SwapEntry.firstFrame ? .zswap : run.isCached ? .pageCache : source), body)
    case .absent(let reason): try absent(guestFrame..<guestFrame + (end - start), reason)
    // A table that is missing is counted already.
    case .unknown: if run.isCached { counts.unread.note(guestFrame, end - start) }
    }
  }

  private func compare(_ run: MapRun, _ other: ProcessPages.Run, _ start: UInt64, _ counts: inout MapCounts) {
    switch other.content {
    case .frames(let frame) where frame &+ start == run.hostFrame: return
    case .unknown: return
    case .frames, .absent: break
    }
    counts.differing.note(run.gpaFrame, run.count)
  }

  /// Hands a run on, joined with the one before.
  mutating func emit(_ run: MapRun, _ body: (MapRun) throws(E) -> Void) throws(E) { try runs.add(run, body) }
}

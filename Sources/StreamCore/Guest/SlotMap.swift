/// A guest's map by its memory slots: what the second-level tables map inside them, and what these lack by the page tables
/// of the VMM. The tables count where both have a frame: KVM takes a page out of them before it goes elsewhere.
/// Source: Documentation/design.md §3.6.
struct SlotMap: SecondLevelMap {
  /// In order of guest frames, disjoint.
  let slots: [MemorySlot]
  /// KVM's own, in order of guest frames: the tables may map them, and they are no memory of the guest.
  let reserved: [MemorySlot]
  /// These are all slots; else what the tables map outside them is memory of the guest as well.
  let isWhole: Bool
  /// By what word the pages are known that the tables lack.
  private let source: MapSource
  private var pages: ProcessPages
  private let privatePages: PrivatePages?
  private var tables: [any SecondLevelTables]

  /// Parts begin and end where last-level tables do: 32 MiB.
  private static let partFrames: UInt64 = 1 << 13

  init(_ memory: VMMemory, tables: [any SecondLevelTables]) {
    slots = memory.slots
    reserved = memory.reserved
    isWhole = memory.isWhole
    source = .slots
    pages = memory.pages
    privatePages = memory.privatePages
    self.tables = tables
  }

  /// By blocks that stand for the slots.
  init(_ blocks: [MemorySlot], of pages: ProcessPages, tables: [any SecondLevelTables]) {
    slots = blocks
    reserved = []
    isWhole = false
    source = .join
    self.pages = pages
    privatePages = nil
    self.tables = tables
  }

  var counts: MapCounts {
    var counts = MapCounts()
    for map in tables { counts.add(map.counts) }
    return counts
  }

  /// The VMM's page tables are about as many as the tables.
  var unreadTables: UInt64 { 2 * tables.reduce(0) { $0 &+ $1.unreadTables } }

  func reading(from memory: any PhysicalMemory) -> any SecondLevelMap {
    var copy = self
    copy.pages = pages.reading(from: memory)
    copy.tables = tables.map { $0.tables(in: memory) }
    return copy
  }

  func hostFrame(_ guestFrame: UInt64) -> UInt64? {
    let after = slots.partitioningIndex { $0.frames.lowerBound > guestFrame }
    let slot = after > 0 && slots[after - 1].frames.contains(guestFrame) ? slots[after - 1] : nil
    guard slot != nil || !isWhole && !reserved.contains(where: { $0.frames.contains(guestFrame) }) else { return nil }
    for map in tables {
      if let frame = map.hostFrame(guestFrame) { return frame }
    }
    return slot.flatMap { frame(guestFrame, of: $0) }
  }

  /// The host frame behind a frame of a slot that the tables do not map.
  private func frame(_ guestFrame: UInt64, of slot: MemorySlot) -> UInt64? {
    let frames = guestFrame..<guestFrame + 1
    switch parts(frames, of: slot).first?.kind {
    case .shared: return pages.frame(slot.page(guestFrame))
    case .private:
      guard case .frames(let frame)? = privatePages?.runs(frames, of: slot).first?.content else { return nil }
      return frame
    case .unknown, nil: return nil
    }
  }

  /// Which pages of a slot are in a file of its own: where nothing tells, that is not known of slots that have one.
  private func parts(_ frames: Range<UInt64>, of slot: MemorySlot) -> [MemoryAttributes.Part] {
    privatePages?.parts(frames, of: slot) ?? [(frames, slot.hasOwnFile ? .unknown : .shared)]
  }

  /// Runs of guest frames: those that have to do with slots, of `partFrames`, and what lies between.
  func subtrees(atLeast count: Int) -> [MapSubtree] {
    var parts: [MapSubtree] = []
    var done: UInt64 = 0
    let unit = Self.partFrames
    for slot in slots {
      var start = max(done, slot.frames.lowerBound / unit * unit)
      let end = (slot.frames.upperBound + unit - 1) / unit * unit
      if start > done { parts.append(MapSubtree(entry: start - done, level: 0, gpaFrame: done)) }
      while start < end {
        parts.append(MapSubtree(entry: unit, level: 0, gpaFrame: start))
        start += unit
      }
      done = max(done, end)
    }
    parts.append(MapSubtree(entry: UInt64(1) << 45 - done, level: 0, gpaFrame: done))
    return parts
  }

  func walk<E: Error>(
    _ subtree: MapSubtree, absent: (Range<UInt64>, AbsentReason) throws(E) -> Void, _ body: (MapRun) throws(E) -> Void
  ) throws(E) -> MapCounts {
    var counts = MapCounts()
    let part = subtree.gpaFrame..<subtree.gpaFrame + subtree.entry
    var mapped = mapped(in: part, &counts)[...]
    let first = slots.partitioningIndex { $0.frames.upperBound > part.lowerBound }
    var join = MapJoin<E>(source: source)
    var pageTables = MapCounts()
    for slot in slots[first...] {
      guard slot.frames.lowerBound < part.upperBound else { break }
      let frames = slot.frames.clamped(to: part)
      try outside(take(before: frames.lowerBound, of: &mapped), &counts, &join, body)
      var ours = take(before: frames.upperBound, of: &mapped)[...]
      for (part, kind) in parts(frames, of: slot) {
        if kind == .shared {
          let first = slot.page(part.lowerBound)
          try pages.walk(first..<first + UInt64(part.count), &pageTables) { (run) throws(E) in
            try join.add(run, at: slot.frame(ofPage: run.page), over: &ours, &counts, absent, body)
          }
        } else {
          for run in kind == .private ? privatePages?.runs(part, of: slot) ?? [] : [.unread(part)] {
            try join.add(run, at: run.page, over: &ours, &counts, absent, body)
          }
        }
      }
      try join.end(slot: &ours, &counts, body)
    }
    try outside(Array(mapped), &counts, &join, body)
    try join.flush(body)
    counts.add(pageTables)
    return counts
  }

  /// What the tables map in a part; of two the first counts.
  private func mapped(in part: Range<UInt64>, _ counts: inout MapCounts) -> [MapRun] {
    var runs: [MapRun] = []
    for (index, map) in tables.enumerated() {
      var own: [MapRun] = []
      counts.add(map.walk(in: part) { own.append($0) })
      runs = index == 0 ? own : Self.union(runs, own)
    }
    return runs
  }

  /// All of `first`, and of `second` what lies between; both ascending and disjoint.
  static func union(_ first: [MapRun], _ second: [MapRun]) -> [MapRun] {
    var union: [MapRun] = []
    var rest = first[...]
    for run in second {
      var at = run.gpaFrame
      while let next = rest.first, next.gpaFrame < run.end {
        if next.gpaFrame > at, let gap = run.clipped(to: at..<next.gpaFrame) { union.append(gap) }
        at = max(at, next.end)
        guard next.end <= run.end else { break }
        union.append(next)
        rest.removeFirst()
      }
      if at < run.end, let gap = run.clipped(to: at..<run.end) { union.append(gap) }
    }
    return union + rest
  }

  /// Takes the runs below a guest frame; one that reaches over it is cut.
  private func take(before frame: UInt64, of runs: inout ArraySlice<MapRun>) -> [MapRun] {
    var taken: [MapRun] = []
    while let run = runs.first, run.gpaFrame < frame {
      if let part = run.clipped(to: 0..<frame) { taken.append(part) }
      runs.removeFirst()
      if let rest = run.clipped(to: frame..<UInt64.max) { runs.insert(rest, at: runs.startIndex) }
    }
    return taken
  }

  /// What the tables map outside the guest's slots is none of its memory, and counted; where not all slots are known, it is.
  private func outside<E: Error>(
    _ runs: [MapRun], _ counts: inout MapCounts, _ join: inout MapJoin<E>, _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    for run in runs {
      var rest: MapRun? = run
      for slot in reserved {
        guard let piece = rest, slot.frames.overlaps(piece.gpaFrame..<piece.end) else { continue }
        if let before = piece.clipped(to: 0..<slot.frames.lowerBound) { try outside(before, &counts, &join, body) }
        rest = piece.clipped(to: slot.frames.upperBound..<UInt64.max)
      }
      if let rest { try outside(rest, &counts, &join, body) }
    }
  }

  private func outside<E: Error>(
    _ run: MapRun, _ counts: inout MapCounts, _ join: inout MapJoin<E>, _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    if isWhole { counts.outside.note(run.gpaFrame, run.count) } else { try join.emit(run, body) }
  }
}

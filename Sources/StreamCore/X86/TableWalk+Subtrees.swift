extension TableWalk {
  /// The subtrees at the first level that has at least `count` of them, in order of guest address; at the last level
  /// that names tables when none has so many. Large leaves found higher up come along.
  func subtrees(atLeast count: Int) -> [MapSubtree] {
    guard !isRefused else { return [] }
    var subtrees = children(of: root.frame, TablePosition(level: root.levels, gpaFrame: 0))
    for level in stride(from: root.levels - 1, to: 1, by: -1) where subtrees.count < count {
      subtrees = subtrees.flatMap { subtree in
        guard subtree.level == level + 1, case .table(let frame) = kind(of: subtree) else { return [subtree] }
        return children(of: frame, TablePosition(level: level, gpaFrame: subtree.gpaFrame))
      }
    }
    return subtrees
  }

  /// Walks one subtree and hands over its mappings, ascending by guest address; leaves are merged while both sides
  /// continue. Runs of neighbouring subtrees can continue one another: `MapRun.join` merges them, so that the result is
  /// the same for every choice of subtrees.
  /// - Returns: the level-1 tables and all leaves of this subtree; what the first pass counted is not counted again.
  func walk<E: Error>(
    _ subtree: MapSubtree, absent: (Range<UInt64>, AbsentReason) throws(E) -> Void, _ body: (MapRun) throws(E) -> Void
  ) throws(E) -> MapCounts {
    var counts = MapCounts()
    guard !isRefused else { return counts }
    var runs = JoinedRuns<MapRun>()
    try visit(subtree, &counts, &runs, body)
    try runs.flush(body)
    return counts
  }

  func walk<E: Error>(in frames: Range<UInt64>, _ body: (MapRun) throws(E) -> Void) throws(E) -> MapCounts {
    var counts = MapCounts()
    guard !isRefused else { return counts }
    var runs = JoinedRuns<MapRun>()
    try visit(
      root.frame, TablePosition(level: root.levels, gpaFrame: 0), in: frames, &counts, &runs
    ) { (run) throws(E) in
      if let run = run.clipped(to: frames) { try body(run) }
    }
    try runs.flush { (run) throws(E) in
      if let run = run.clipped(to: frames) { try body(run) }
    }
    return counts
  }

  /// What hangs below a table above level 1 and has to do with a range.
  private func visit<E: Error>(
    _ table: UInt64, _ position: TablePosition, in frames: Range<UInt64>, _ counts: inout MapCounts,
    _ runs: inout JoinedRuns<MapRun>, _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    let span: UInt64 = 1 << UInt64(9 * (position.level - 1))
    for child in children(of: table, position) where child.gpaFrame < frames.upperBound {
      guard child.gpaFrame + span > frames.lowerBound else { continue }
      if child.level > 2, case .table(let frame) = kind(of: child) {
        let position = TablePosition(level: child.level - 1, gpaFrame: child.gpaFrame)
        try visit(frame, position, in: frames, &counts, &runs, body)
      } else {
        try visit(child, &counts, &runs, body)
      }
    }
  }

  private func visit<E: Error>(
    _ subtree: MapSubtree, _ counts: inout MapCounts, _ runs: inout JoinedRuns<MapRun>,
    _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    switch kind(of: subtree) {
    case .leaf(let frame, let count):
      add(subtree.entry, level: subtree.level, frames: count, to: &counts)
      try runs.add(MapRun(gpaFrame: subtree.gpaFrame, hostFrame: frame, count: count), body)
    case .table(let frame) where subtree.level > 2:
      for child in children(of: frame, TablePosition(level: subtree.level - 1, gpaFrame: subtree.gpaFrame)) {
        try visit(child, &counts, &runs, body)
      }
    case .table(let frame):
      try visitLast(frame, gpaFrame: subtree.gpaFrame, &counts, &runs, body)
    case .empty, .mmio, .misconfigured: break
    }
  }

  /// A level-1 table.
  private func visitLast<E: Error>(
    _ table: UInt64, gpaFrame: UInt64, _ counts: inout MapCounts, _ runs: inout JoinedRuns<MapRun>,
    _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    guard let page = counts.read(table, in: memory) else { return }
    try page.bytes.withBytes { (bytes) throws(E) in
      for index in 0..<512 {
        let entry: UInt64 = bytes.load(index * 8) ?? 0
        switch format.kind(of: entry, level: 1) {
        case .leaf(let frame, let count):
          add(entry, level: 1, frames: count, to: &counts)
          let run = MapRun(gpaFrame: gpaFrame | UInt64(index), hostFrame: frame, count: count)
          try runs.add(run, body)
        case .mmio: counts.mmio += 1
        case .misconfigured: counts.misconfigured += 1
        case .empty, .table: break
        }
      }
    }
  }

  /// The tables and leaves that a table above level 1 holds, without those that are refused here.
  private func children(of frame: UInt64, _ position: TablePosition) -> [MapSubtree] {
    // The first pass has counted the table, present or not.
    guard let page = memory.page(frame).page else { return [] }
    var children: [MapSubtree] = []
    for index in 0..<512 {
      let subtree = MapSubtree(
        entry: page.entry(index), level: position.level, gpaFrame: position.gpaFrame(below: index))
      switch kind(of: subtree) {
      case .leaf: children.append(subtree)
      case .table(let next):
        if owns(next, TablePosition(level: position.level - 1, gpaFrame: subtree.gpaFrame)) { children.append(subtree) }
      case .empty, .mmio, .misconfigured: break
      }
    }
    return children
  }

  private func kind(of subtree: MapSubtree) -> SecondLevelEntryKind {
    format.kind(of: subtree.entry, level: subtree.level)
  }

  private func add(_ leaf: UInt64, level: Int, frames count: UInt64, to counts: inout MapCounts) {
    counts.leaves &+= 1
    counts.frames &+= count
    if format.isAccessTracked(leaf, level: level) { counts.accessTracked &+= 1 }
  }
}

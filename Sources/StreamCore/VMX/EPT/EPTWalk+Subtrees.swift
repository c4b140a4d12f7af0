extension EPTWalk {
  /// The subtrees at the first level that has at least `count` of them, in order of guest address; at the last level
  /// that names tables when none has so many. Large leaves found higher up come along.
  func subtrees(atLeast count: Int) -> [MapSubtree] {
    guard !isRefused else { return [] }
    var subtrees = children(of: pointer.rootFrame, TablePosition(level: pointer.levels, gpaFrame: 0))
    for level in stride(from: pointer.levels - 1, to: 1, by: -1) where subtrees.count < count {
      subtrees = subtrees.flatMap { subtree in
        guard subtree.level == level + 1, case .table(let frame) = EPTEntry(subtree).kind else { return [subtree] }
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
    var open: MapRun?
    try visit(subtree, &counts, &open, body)
    if let open { try body(open) }
    return counts
  }

  func walk<E: Error>(in frames: Range<UInt64>, _ body: (MapRun) throws(E) -> Void) throws(E) -> MapCounts {
    var counts = MapCounts()
    guard !isRefused else { return counts }
    var open: MapRun?
    try visit(
      pointer.rootFrame, TablePosition(level: pointer.levels, gpaFrame: 0), in: frames, &counts, &open
    ) { (run) throws(E) in
      if let run = run.clipped(to: frames) { try body(run) }
    }
    if let run = open?.clipped(to: frames) { try body(run) }
    return counts
  }

  /// What hangs below a table above level 1 and has to do with a range.
  private func visit<E: Error>(
    _ table: UInt64, _ position: TablePosition, in frames: Range<UInt64>, _ counts: inout MapCounts,
    _ open: inout MapRun?, _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    let span: UInt64 = 1 << UInt64(9 * (position.level - 1))
    for child in children(of: table, position) where child.gpaFrame < frames.upperBound {
      guard child.gpaFrame + span > frames.lowerBound else { continue }
      if child.level > 2, case .table(let frame) = EPTEntry(child).kind {
        let position = TablePosition(level: child.level - 1, gpaFrame: child.gpaFrame)
        try visit(frame, position, in: frames, &counts, &open, body)
      } else {
        try visit(child, &counts, &open, body)
      }
    }
  }

  private func visit<E: Error>(
    _ subtree: MapSubtree, _ counts: inout MapCounts, _ open: inout MapRun?, _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    let entry = EPTEntry(subtree)
    switch entry.kind {
    case .leaf(let frame, let count):
      counts.add(entry, frames: count)
      try Self.join(MapRun(gpaFrame: subtree.gpaFrame, hostFrame: frame, count: count), &open, body)
    case .table(let frame) where subtree.level > 2:
      for child in children(of: frame, TablePosition(level: subtree.level - 1, gpaFrame: subtree.gpaFrame)) {
        try visit(child, &counts, &open, body)
      }
    case .table(let frame):
      try visitLast(frame, gpaFrame: subtree.gpaFrame, &counts, &open, body)
    case .empty, .mmio, .misconfigured: break
    }
  }

  /// A level-1 table.
  private func visitLast<E: Error>(
    _ table: UInt64, gpaFrame: UInt64, _ counts: inout MapCounts, _ open: inout MapRun?,
    _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    guard let page = counts.read(table, in: memory) else { return }
    try page.bytes.withBytes { (bytes) throws(E) in
      for index in 0..<512 {
        let entry = EPTEntry(bytes.load(index * 8) ?? 0, level: 1)
        switch entry.kind {
        case .leaf(let frame, let count):
          counts.add(entry, frames: count)
          let run = MapRun(gpaFrame: gpaFrame | UInt64(index), hostFrame: frame, count: count)
          try Self.join(run, &open, body)
        case .mmio: counts.mmio += 1
        case .misconfigured: counts.misconfigured += 1
        case .empty, .table: break
        }
      }
    }
  }

  /// Lengthens the open run, or hands it over and opens the next.
  private static func join<E: Error>(
    _ run: MapRun, _ open: inout MapRun?, _ body: (MapRun) throws(E) -> Void
  ) throws(E) {
    guard var before = open else {
      open = run
      return
    }
    if before.join(run) {
      open = before
    } else {
      try body(before)
      open = run
    }
  }

  /// The tables and leaves that a table above level 1 holds, without those that are refused here.
  private func children(of frame: UInt64, _ position: TablePosition) -> [MapSubtree] {
    // The first pass has counted the table, present or not.
    guard let page = memory.page(frame).page else { return [] }
    var children: [MapSubtree] = []
    for index in 0..<512 {
      let entry = EPTEntry(page.entry(index), level: position.level)
      let gpaFrame = position.gpaFrame(below: index)
      switch entry.kind {
      case .leaf: children.append(MapSubtree(entry: entry.rawValue, level: entry.level, gpaFrame: gpaFrame))
      case .table(let next):
        if owns(next, TablePosition(level: position.level - 1, gpaFrame: gpaFrame)) {
          children.append(MapSubtree(entry: entry.rawValue, level: entry.level, gpaFrame: gpaFrame))
        }
      case .empty, .mmio, .misconfigured: break
      }
    }
    return children
  }
}

extension EPTEntry {
  init(_ subtree: MapSubtree) { self.init(subtree.entry, level: subtree.level) }
}

extension MapCounts {
  fileprivate mutating func add(_ leaf: EPTEntry, frames count: UInt64) {
    leaves &+= 1
    frames &+= count
    if leaf.isAccessTracked { accessTracked &+= 1 }
  }
}

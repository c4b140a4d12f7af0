/// A part of a root that one worker walks: what hangs below one present entry.
public struct EPTSubtree: Sendable, Hashable {
  /// The entry, a table or a leaf, with the level of the table that holds it.
  public let entry: EPTEntry
  /// The first guest frame below it.
  public let gpaFrame: UInt64
}

extension EPTWalk {
  /// The subtrees at the first level that has at least `count` of them, in order of guest address; at the last level
  /// that names tables when none has so many. Large leaves found higher up come along.
  public func subtrees(atLeast count: Int) -> [EPTSubtree] {
    guard !isRefused else { return [] }
    var subtrees = children(of: pointer.rootFrame, Place(level: pointer.levels, gpaFrame: 0))
    for level in stride(from: pointer.levels - 1, to: 1, by: -1) where subtrees.count < count {
      subtrees = subtrees.flatMap { subtree in
        guard subtree.entry.level == level + 1, case .table(let frame) = subtree.entry.kind else { return [subtree] }
        return children(of: frame, Place(level: level, gpaFrame: subtree.gpaFrame))
      }
    }
    return subtrees
  }

  /// Walks one subtree and hands over its mappings, ascending by guest address; leaves are merged while both sides
  /// continue. Runs of neighbouring subtrees can continue one another: `EPTRun.join` merges them, so that the result is
  /// the same for every choice of subtrees.
  /// - Returns: the level-1 tables and all leaves of this subtree; what the first pass counted is not counted again.
  public func walk<E: Error>(_ subtree: EPTSubtree, _ body: (EPTRun) throws(E) -> Void) throws(E) -> EPTCounts {
    var counts = EPTCounts()
    guard !isRefused else { return counts }
    var open: EPTRun?
    try visit(subtree, &counts, &open, body)
    if let open { try body(open) }
    return counts
  }

  private func visit<E: Error>(
    _ subtree: EPTSubtree, _ counts: inout EPTCounts, _ open: inout EPTRun?, _ body: (EPTRun) throws(E) -> Void
  ) throws(E) {
    switch subtree.entry.kind {
    case .leaf(let frame, let count):
      counts.add(subtree.entry, frames: count)
      try Self.join(EPTRun(gpaFrame: subtree.gpaFrame, hostFrame: frame, count: count), &open, body)
    case .table(let frame) where subtree.entry.level > 2:
      for child in children(of: frame, Place(level: subtree.entry.level - 1, gpaFrame: subtree.gpaFrame)) {
        try visit(child, &counts, &open, body)
      }
    case .table(let frame):
      try visitLast(frame, gpaFrame: subtree.gpaFrame, &counts, &open, body)
    case .empty, .mmio, .misconfigured: break
    }
  }

  /// A level-1 table.
  private func visitLast<E: Error>(
    _ table: UInt64, gpaFrame: UInt64, _ counts: inout EPTCounts, _ open: inout EPTRun?,
    _ body: (EPTRun) throws(E) -> Void
  ) throws(E) {
    guard let page = counts.read(table, in: memory) else { return }
    try page.bytes.withBytes { (bytes) throws(E) in
      for index in 0..<512 {
        let entry = EPTEntry(bytes.load(index * 8) ?? 0, level: 1)
        switch entry.kind {
        case .leaf(let frame, let count):
          counts.add(entry, frames: count)
          let run = EPTRun(gpaFrame: gpaFrame | UInt64(index), hostFrame: frame, count: count)
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
    _ run: EPTRun, _ open: inout EPTRun?, _ body: (EPTRun) throws(E) -> Void
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
  private func children(of frame: UInt64, _ place: Place) -> [EPTSubtree] {
    // The first pass has counted the table, present or not.
    guard let page = memory.page(frame).page else { return [] }
    var children: [EPTSubtree] = []
    for index in 0..<512 {
      let entry = EPTEntry(page.entry(index), level: place.level)
      let gpaFrame = place.gpaFrame(below: index)
      switch entry.kind {
      case .leaf: children.append(EPTSubtree(entry: entry, gpaFrame: gpaFrame))
      case .table(let next):
        if owns(next, Place(level: place.level - 1, gpaFrame: gpaFrame)) {
          children.append(EPTSubtree(entry: entry, gpaFrame: gpaFrame))
        }
      case .empty, .mmio, .misconfigured: break
      }
    }
    return children
  }
}

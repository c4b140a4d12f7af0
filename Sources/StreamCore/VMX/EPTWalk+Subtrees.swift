/// A part of a root that one worker walks: what hangs below one present entry.
public struct EPTSubtree: Sendable, Hashable {
  /// The entry, a table or a leaf, with the level of the table that holds it.
  public let entry: EPTEntry
  /// The first guest frame below it.
  public let gpaFrame: UInt64
}

extension EPTWalk {
  /// The subtrees at the first level that has at least `count` of them, in order of guest address; at the last level that
  /// names tables when none has so many. Large leaves found higher up come along.
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

  /// Walks one subtree and hands over its mappings, ascending by guest address; leaves are merged while both sides continue.
  /// Runs of neighbouring subtrees can continue one another: `EPTRun.join` merges them, so that the result is the same
  /// for every choice of subtrees.
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
      counts.leaves += 1
      counts.frames &+= count
      if subtree.entry.isAccessTracked { counts.accessTracked += 1 }
      let run = EPTRun(gpaFrame: subtree.gpaFrame, hostFrame: frame, count: count)
      if open?.join(run) != true {
        if let before = open { try body(before) }
        open = run
      }
    case .table(let frame) where subtree.entry.level > 2:
      for child in children(of: frame, Place(level: subtree.entry.level - 1, gpaFrame: subtree.gpaFrame)) {
        try visit(child, &counts, &open, body)
      }
    case .table(let frame):
      guard let page = counts.read(frame, in: memory) else { return }
      for index in 0..<512 {
        let entry = EPTEntry(page.entry(index), level: 1)
        switch entry.kind {
        case .leaf:
          let leaf = EPTSubtree(entry: entry, gpaFrame: subtree.gpaFrame | UInt64(index))
          try visit(leaf, &counts, &open, body)
        case .mmio: counts.mmio += 1
        case .misconfigured: counts.misconfigured += 1
        case .empty, .table: break
        }
      }
    case .empty, .mmio, .misconfigured: break
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

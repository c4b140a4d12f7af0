/// The kernel's maple tree of a process' mappings. Source: include/linux/maple_tree.h, lib/maple_tree.c.
struct KernelMapleTree {
  let kernel: BuiltKernel
  /// The `struct maple_tree`.
  let tree: UInt64

  /// A run of indexes and what stands there; 0: nothing.
  private struct Run {
    var last: UInt64
    var value: UInt64
  }

  private static let leaf: UInt64 = 1
  /// Nodes that also know the gaps below them, which mappings use.
  private static let arange: UInt64 = 3

  /// - Parameter entries: ascending, apart.
  /// - Returns: `ma_root`, and where the nodes stand.
  func build<Space: FrameSpace>(
    _ entries: [(indexes: Range<UInt64>, pointer: UInt64)], slab: inout KernelSlab, in space: inout Space
  ) throws(Space.Failure) -> (root: UInt64, nodes: [UInt64]) {
    var places: [UInt64] = []
    var level: [Run] = []
    var next: UInt64 = 0
    for entry in entries {
      if entry.indexes.lowerBound > next { level.append(Run(last: entry.indexes.lowerBound - 1, value: 0)) }
      level.append(Run(last: entry.indexes.upperBound - 1, value: entry.pointer))
      next = entry.indexes.upperBound
    }
    level.append(Run(last: .max, value: 0))
    level = try nodes(over: level, type: Self.leaf, slab: &slab, &places, in: &space)
    while level.count > 1 { level = try nodes(over: level, type: Self.arange, slab: &slab, &places, in: &space) }
    guard let root = level.first else { return (0, []) }
    // The root's parent is the tree itself, marked so.
    space.memory.store(tree | 1, at: (root.value & ~0xff) - kernel.directMap)
    return (root.value & ~4 | 2, places)
  }

  /// Nodes of at most 12 or 8 runs, so that none is full and each has its last place for what it says of itself.
  private func nodes<Space: FrameSpace>(
    over runs: [Run], type: UInt64, slab: inout KernelSlab, _ places: inout [UInt64], in space: inout Space
  ) throws(Space.Failure) -> [Run] {
    let (most, slots): (Int, UInt64) = type == Self.leaf ? (12, 8 + 15 * 8) : (8, 8 + 9 * 8)
    var nodes: [Run] = []
    for start in stride(from: 0, to: runs.count, by: most) {
      let part = runs[start..<min(start + most, runs.count)]
      let place = try slab.allocate(in: &space)
      places.append(place)
      for (slot, run) in part.enumerated() {
        space.memory.store(run.last, at: place + 8 + UInt64(slot) * 8)
        space.memory.store(run.value, at: place + slots + UInt64(slot) * 8)
        guard type != Self.leaf else { continue }
        // Of a node below: its parent, the place there and the parent's kind.
        let child = (run.value & ~0xff) - kernel.directMap
        space.memory.store(kernel.virtual(place) | UInt64(slot) << 3 | 6, at: child)
      }
      space.memory.store(UInt64(part.count - 1), at: place + (type == Self.leaf ? 248 : 240), width: 1)
      nodes.append(Run(last: part.last?.last ?? 0, value: kernel.virtual(place) | type << 3 | 4))
    }
    return nodes
  }
}

/// A guest frame that the second-level tables map, and its host frame.
struct JoinAnchor: Sendable, Hashable {
  var guest: UInt64
  var host: UInt64
}

/// Some of what a guest's second-level tables map, spread evenly: all single frames where they are few.
struct AnchorSample {
  static let capacity = 1 << 15
  /// Frames of one run, which has only one place in a block: its ends, and some between.
  private static let framesOfRun: UInt64 = 32

  private(set) var anchors: [JoinAnchor] = []
  /// All single frames are here; else one of so many.
  var isWhole: Bool { mask == 0 }
  private var mask: UInt64 = 0

  /// Parts of a map, between which a wish to stop is heard.
  private static let parts = 64

  /// - Parameter blocks: ascending; what lies in them is left out.
  init(of tables: any SecondLevelTables, outside blocks: [MemorySlot], _ cancellation: Cancellation) {
    for subtree in tables.subtrees(atLeast: Self.parts) where !cancellation.isCancelled {
      _ = tables.walk(subtree) { offer($0, outside: blocks) }
    }
  }

  private mutating func offer(_ run: MapRun, outside blocks: [MemorySlot]) {
    let last = run.count &- 1
    let frames = min(run.count, Self.framesOfRun)
    for index in 0..<frames {
      let at = index == frames - 1 ? last : last / (frames - 1) * index
      let guest = run.gpaFrame &+ at
      guard Self.spread(guest) & mask == 0, !blocks.holds(guest) else { continue }
      anchors.append(JoinAnchor(guest: guest, host: run.hostFrame &+ at))
      if anchors.count > Self.capacity { thin() }
    }
  }

  private mutating func thin() {
    while anchors.count > Self.capacity {
      mask = mask << 1 | 1
      anchors.removeAll { [mask] in Self.spread($0.guest) & mask != 0 }
    }
  }

  /// Neighbours differ in the low bits. Source: SplitMix64's increment.
  private static func spread(_ frame: UInt64) -> UInt64 { (frame &* 0x9e37_79b9_7f4a_7c15) >> 32 }
}

extension [MemorySlot] {
  /// Whether one of the slots, which ascend, has a guest frame.
  func holds(_ frame: UInt64) -> Bool {
    let index = partitioningIndex { $0.frames.upperBound > frame }
    return index < count && self[index].frames.contains(frame)
  }
}

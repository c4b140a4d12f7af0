/// The extents of one window, by steps of 1024 host frames. A frame that several guests map, or one guest at several
/// places, stands in the same step for all of them.
struct PlanSteps: Sendable {
  /// One step: these extents all lie inside `frames`, in the order of host frames, then guests.
  struct Step: Sendable {
    let frames: Range<UInt64>
    let extents: [Extent]
  }

  /// By step; within one in no order.
  private var extents: [Extent] = []
  /// First frame, and where the extents begin.
  private var starts: [(frame: UInt64, index: Int)] = []

  /// - Parameters:
  ///   - parts: the extents in no order; taken apart while they are sorted, so that memory holds them hardly twice.
  ///   - owners: whose extents are wanted.
  init(_ given: consuming [[Extent]], owners: Set<Int>) {
    var parts = given
    var isWanted = Array(repeating: false, count: (owners.max() ?? 0) + 1)
    for owner in owners { isWanted[owner] = true }
    let wants = { (extent: Extent) in extent.owner < isWanted.count && isWanted[extent.owner] }
    var counts = StepCounts()
    var total = 0
    for part in parts {
      for extent in part where wants(extent) {
        counts.add(1, at: extent.host)
        total += 1
      }
    }
    var index = 0
    counts.forEach { step, count in
      starts.append((step, index))
      index += count
    }
    counts.sumUp()
    extents = Array(repeating: Extent(host: 0, guest: 0, count: 1, owner: 0), count: total)
    while let part = parts.popLast() {
      for extent in part where wants(extent) { extents[counts.next(at: extent.host)] = extent }
    }
  }

  var count: Int { starts.count }

  func step(_ index: Int) -> Step {
    let end = index + 1 < starts.count ? starts[index + 1].index : extents.count
    let frame = starts[index].frame
    return Step(
      frames: frame..<frame + StepCounts.framesPerStep,
      extents: Self.sorted(extents[starts[index].index..<end], from: frame))
  }

  /// Counts the extents of each frame, for a step holds a thousand and more where guests' pages are small: comparing
  /// took six times as long. Those of one frame are few, unless it stands at many places.
  private static func sorted(_ extents: ArraySlice<Extent>, from base: UInt64) -> [Extent] {
    guard extents.count >= worthCounting, let first = extents.first else { return extents.sorted(by: Extent.precedes) }
    var next = Array(repeating: 0, count: Int(StepCounts.framesPerStep) + 1)
    for extent in extents { next[Int(extent.host - base) + 1] += 1 }
    var crowded: [Range<Int>] = []
    for frame in 1..<next.count {
      if next[frame] > 1 { crowded.append(next[frame - 1]..<next[frame - 1] + next[frame]) }
      next[frame] += next[frame - 1]
    }
    var sorted = Array(repeating: first, count: extents.count)
    for extent in extents {
      sorted[next[Int(extent.host - base)]] = extent
      next[Int(extent.host - base)] += 1
    }
    for range in crowded { sorted[range].sort(by: Extent.precedes) }
    return sorted
  }

  private static let worthCounting = 64
}

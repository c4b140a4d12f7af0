import HostModel

/// Where a guest's frames lie in the host.
package struct RecipeBacking: Sendable {
  /// Runs of guest frames over runs of host frames, ascending by guest frame.
  package private(set) var runs: [(gfn: Range<UInt64>, frame: UInt64)] = []
  /// Frames that differ from the runs: shared ones.
  package var single: [UInt64: UInt64] = [:]

  package mutating func append(_ gfn: Range<UInt64>, at frame: UInt64) { runs.append((gfn, frame)) }

  /// The same frames in any order, page by page.
  package func shuffled(_ random: inout SplitMix64) -> RecipeBacking {
    let gfns = runs.flatMap { Array($0.gfn) }
    var frames = runs.flatMap { run in run.gfn.map { run.frame + $0 - run.gfn.lowerBound } }
    for index in frames.indices.dropFirst().reversed() {
      frames.swapAt(index, Int(random.below(UInt64(index) + 1)))
    }
    var backing = RecipeBacking()
    for (gfn, frame) in zip(gfns, frames) { backing.append(gfn..<gfn + 1, at: frame) }
    return backing
  }

  /// The host frame behind a guest frame.
  package func frame(_ gfn: UInt64) -> UInt64? {
    if let frame = single[gfn] { return frame }
    guard let run = run(gfn) else { return nil }
    return run.frame + gfn - run.gfn.lowerBound
  }

  /// The host frame behind `count` guest frames when both are aligned to `count` and the run is in one piece.
  package func block(_ gfn: UInt64, count: UInt64) -> UInt64? {
    guard gfn % count == 0, let run = run(gfn), gfn + count <= run.gfn.upperBound else { return nil }
    let frame = run.frame + gfn - run.gfn.lowerBound
    guard frame % count == 0 else { return nil }
    return single.isEmpty || !(gfn..<gfn + count).contains { single[$0] != nil } ? frame : nil
  }

  private func run(_ gfn: UInt64) -> (gfn: Range<UInt64>, frame: UInt64)? {
    var low = 0
    var high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].gfn.upperBound <= gfn { low = middle + 1 } else { high = middle }
    }
    return low < runs.count && runs[low].gfn.contains(gfn) ? runs[low] : nil
  }
}

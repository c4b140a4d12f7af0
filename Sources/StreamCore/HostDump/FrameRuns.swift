/// Frames `start..<end`; where they are in the file, `start`'s bytes begin at `offset`.
struct FrameRun: Sendable, Equatable {
  var start: UInt64
  var end: UInt64
  var offset: UInt64
}

/// Disjoint runs of frames in ascending order, made from runs that may overlap: where two claim a frame, the earlier
/// one in the given order wins. Takes n log n steps whatever the overlaps.
struct FrameRuns: Sendable {
  let runs: [FrameRun]
  /// Frames that two runs claim with different places in the file.
  let conflicts: UInt64

  init(preferring given: [FrameRun]) {
    var boundaries: [UInt64] = []
    for run in given where run.start < run.end { boundaries += [run.start, run.end] }
    boundaries = Array(Set(boundaries)).sorted()
    let byStart = given.indices.filter { given[$0].start < given[$0].end }
      .sorted { (given[$0].start, $0) < (given[$1].start, $1) }
    var next = 0
    var open = IndexHeap()
    var runs: [FrameRun] = []
    var conflicts: UInt64 = 0
    for (low, high) in zip(boundaries, boundaries.dropFirst()) {
      while next < byStart.count, given[byStart[next]].start <= low {
        open.push(byStart[next])
        next += 1
      }
      while let top = open.first, given[top].end <= low { open.pop() }
      guard let winner = open.first else { continue }
      let place = given[winner].offset &+ (low - given[winner].start) &* UInt64(pageSize)
      if let other = open.second, given[other].end > low,
        given[other].offset &+ (low - given[other].start) &* UInt64(pageSize) != place
      {
        conflicts += high - low
      }
      if let last = runs.last, last.end == low, last.offset &+ (low - last.start) &* UInt64(pageSize) == place {
        runs[runs.count - 1].end = high
      } else {
        runs.append(FrameRun(start: low, end: high, offset: place))
      }
    }
    self.runs = runs
    self.conflicts = conflicts
  }

  /// A byte of the file that belongs to two frames, which no writer makes.
  var sharedByte: UInt64? {
    let places = runs.map { (start: $0.offset, end: $0.offset &+ ($0.end - $0.start) &* UInt64(pageSize)) }
      .sorted { $0.start < $1.start }
    return zip(places, places.dropFirst()).first { $0.end > $1.start }?.1.start
  }

  /// The run that holds `frame`.
  func run(of frame: UInt64) -> FrameRun? {
    let index = firstIndex(endingAbove: frame)
    guard index < runs.count, runs[index].start <= frame else { return nil }
    return runs[index]
  }

  /// Where the first run that ends above `frame` begins, at most `limit`.
  func begin(above frame: UInt64, limit: UInt64) -> UInt64 {
    runs[firstIndex(endingAbove: frame)...].first.map { min($0.start, limit) } ?? limit
  }

  /// Index of the first run that ends above `frame`.
  func firstIndex(endingAbove frame: UInt64) -> Int { runs.partitioningIndex { $0.end > frame } }
}

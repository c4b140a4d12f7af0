/// Where a block may lie in the VMM: its page is the guest frame and a delta. Where its frames have several places, one of
/// the deltas is the block's.
struct BlockCandidate: Sendable, Equatable {
  /// Ascending; one of them: it is certain.
  var deltas: [UInt64]
  /// Guest frames, ascending, whose host frame has these places and no others.
  var evidence: [UInt64]
}

/// Joins the frames that confirm a place into blocks. Two neighbours are of one block where all that the tables map
/// between them lies at the same place, and nothing shows that the block could end there and another begin.
///
/// A block's end shows as pages that the VMM does not have: it is said where a block can end, at a whole MiB. For a
/// guest moves the memory of devices about, and can put it at the distance at which its RAM has it, so that what its
/// VMM keeps between the two would be taken for its own.
struct BlockChain {
  /// Guest frames that are looked at in one go: 32 MiB.
  private static let window: UInt64 = 1 << 13
  /// Memory begins and ends at a multiple of so many frames: 1 MiB.
  private static let grain: UInt64 = 1 << 8
  /// Frames between two neighbours at most: 4 GiB.
  private static let reach: UInt64 = 1 << 20
  /// No memory lies across 4 GiB, below which the interrupt controllers and the firmware are.
  private static let barrier: UInt64 = 1 << 20
  /// Windows at most, those of 8 TiB.
  private static let windowLimit = 1 << 18
  private static let oddLimit = 4096

  let tables: any SecondLevelTables
  let pages: ProcessPages
  let candidate: BlockCandidate
  /// Blocks at its place that are known, ascending.
  let known: [Range<UInt64>]
  /// Guest frames that the tables map between the evidence, and that lie elsewhere; the first of them.
  private(set) var contradicting: [Range<UInt64>] = []
  private(set) var tied = MapCounts.Oddity()
  private var windows = 0

  init(
    tables: any SecondLevelTables, pages: ProcessPages, candidate: BlockCandidate, known: [Range<UInt64>]
  ) {
    self.tables = tables
    self.pages = pages
    self.candidate = candidate
    self.known = known
  }

  /// The blocks, from the first to the last frame that confirms each.
  /// - Parameter others: ascending; a block ends before them.
  mutating func blocks(between others: [MemorySlot]) -> [Range<UInt64>] {
    // Of a block that is known its ends stand for the whole.
    let evidence = (candidate.evidence + known.flatMap { [$0.lowerBound, $0.upperBound - 1] }).sorted()
    guard var at = evidence.first, let last = evidence.last else { return [] }
    var links = Links()
    var next = 0
    while next < evidence.count, windows < Self.windowLimit {
      if evidence[next] > at, evidence[next] - at > Self.reach {
        links.isBroken = true
        at = evidence[next]
      }
      windows += 1
      var end = min((at | (Self.window - 1)) + 1, last + 1)
      var breaks = breaks(in: at..<end)[...]
      while next < evidence.count, evidence[next] < end {
        let frame = evidence[next]
        while let place = breaks.first, place <= frame {
          links.isBroken = true
          breaks.removeFirst()
        }
        links.add(frame..<frame + 1, isApart: Self.isApart(links.end, frame, others))
        next += 1
        guard let block = known.first(where: { $0.lowerBound == frame }) else { continue }
        links.add(block, isApart: false)
        while next < evidence.count, evidence[next] < block.upperBound { next += 1 }
        while let place = breaks.first, place < block.upperBound { breaks.removeFirst() }
        end = max(end, block.upperBound)
      }
      if !breaks.isEmpty { links.isBroken = true }
      at = end
    }
    let blocks = links.blocks()
    return blocks + known.filter { block in !blocks.contains { $0.contains(block.lowerBound) } }
  }

  /// Whether the barrier or another block lies between the end of a block and a frame.
  private static func isApart(_ end: UInt64, _ frame: UInt64, _ others: [MemorySlot]) -> Bool {
    if end <= barrier, frame >= barrier { return true }
    let index = others.partitioningIndex { $0.frames.lowerBound >= end }
    return index < others.count && others[index].frames.lowerBound < frame
  }

  /// Frames of a window, ascending, before which a block must end.
  private mutating func breaks(in frames: Range<UInt64>) -> [UInt64] {
    var mapped: [MapRun] = []
    _ = tables.walk(in: frames) { mapped.append($0) }
    var breaks: [UInt64] = []
    for delta in candidate.deltas {
      let runs = runs(in: frames, delta)
      breaks += contradictions(mapped, runs)
      breaks += Self.ends(in: frames, runs)
    }
    return breaks.sorted()
  }

  /// What the VMM has for guest frames, its pages numbered as these.
  private func runs(in frames: Range<UInt64>, _ delta: UInt64) -> [ProcessPages.Run] {
    var runs: [ProcessPages.Run] = []
    let first = frames.lowerBound &+ delta
    let (end, isOver) = first.addingReportingOverflow(UInt64(frames.count))
    guard !isOver else { return [] }
    var counts = MapCounts()
    pages.walk(first..<end, &counts) { run in
      var run = run
      run.page = run.page &- delta
      runs.append(run)
    }
    return runs
  }

  /// Where the tables map another frame than the VMM has.
  private mutating func contradictions(_ mapped: [MapRun], _ runs: [ProcessPages.Run]) -> [UInt64] {
    let own = mapped.map { ProcessPages.Run(page: $0.gpaFrame, count: $0.count, content: .frames($0.hostFrame)) }
    let odd = Self.differing(own, from: runs)
    contradicting += odd.prefix(Self.oddLimit - contradicting.count)
    return odd.map(\.lowerBound)
  }

  /// What of runs is not so in others, both ascending.
  private static func differing(_ runs: [ProcessPages.Run], from others: [ProcessPages.Run]) -> [Range<UInt64>] {
    var found: [Range<UInt64>] = []
    var rest = others[...]
    for run in runs {
      var at = run.page
      while at < run.end {
        while let next = rest.first, next.end <= at { rest.removeFirst() }
        guard let next = rest.first, next.page < run.end else {
          found.append(at..<run.end)
          break
        }
        if next.page > at {
          found.append(at..<next.page)
          at = next.page
        }
        let end = min(run.end, next.end)
        if run.content(at) != next.content(at) { found.append(at..<end) }
        at = end
      }
    }
    return found
  }

  /// Where the VMM has nothing on one side of a place at which memory can end.
  private static func ends(in frames: Range<UInt64>, _ runs: [ProcessPages.Run]) -> [UInt64] {
    var ends: [UInt64] = []
    var at = frames.lowerBound
    func gap(to end: UInt64) {
      let place = (at + grain - 1) / grain * grain
      if at < end, place <= end { ends.append(place) }
    }
    for run in runs {
      gap(to: run.page)
      at = run.end
    }
    gap(to: frames.upperBound)
    return ends
  }

  /// The parts of a block in which all of the candidate's places have the same.
  mutating func agreed(in block: Range<UInt64>) -> [Range<UInt64>] {
    guard candidate.deltas.count > 1 else { return [block] }
    var parts: [Range<UInt64>] = []
    var start = block.lowerBound
    var at = block.lowerBound
    while at < block.upperBound {
      let end = min((at | (Self.window - 1)) + 1, block.upperBound)
      let runs = candidate.deltas.map { self.runs(in: at..<end, $0) }
      for frames in Self.disagreeing(runs) {
        if start < frames.lowerBound { parts.append(start..<frames.lowerBound) }
        start = frames.upperBound
        tied.note(frames.lowerBound, UInt64(frames.count))
      }
      at = end
    }
    if start < block.upperBound { parts.append(start..<block.upperBound) }
    return parts
  }

  /// Frames, ascending, for which not all have the same.
  private static func disagreeing(_ runs: [[ProcessPages.Run]]) -> [Range<UInt64>] {
    var odd = FrameBitmap()
    for other in runs.dropFirst() {
      for range in differing(runs[0], from: other) + differing(other, from: runs[0]) { odd.insert(range) }
    }
    var found: [Range<UInt64>] = []
    odd.freeze()
    odd.forEachRun { found.append($0) }
    return found
  }
}

extension ProcessPages.Run {
  /// Of one of its pages.
  fileprivate func content(_ page: UInt64) -> Content {
    guard case .frames(let frame) = content else { return content }
    return .frames(frame &+ (page &- self.page))
  }
}

/// Frames that confirm a block, one after the other.
private struct Links {
  /// The next one is of another block.
  var isBroken = true
  private var done: [Range<UInt64>] = []
  private var frames: Range<UInt64> = 0..<0
  private var count = 0

  /// One past the last frame so far.
  var end: UInt64 { frames.upperBound }

  /// - Parameter run: a frame, or a block that begins with the one before.
  mutating func add(_ run: Range<UInt64>, isApart: Bool) {
    if isBroken || isApart {
      close()
      frames = run
      count = 0
    }
    frames = frames.lowerBound..<run.upperBound
    count += run.count == 1 ? 1 : BlockJoin.enough
    isBroken = false
  }

  private mutating func close() {
    if count >= BlockJoin.enough { done.append(frames) }
  }

  /// Those that enough frames confirm.
  mutating func blocks() -> [Range<UInt64>] {
    close()
    count = 0
    return done
  }
}

import HostModel

/// Which ordinary frames are zero, and which page of the pool the others hold, in the order of the file. Runs are as
/// long as a real host's, and the share of zero pages never strays far.
struct ContentStream: Sendable {
  private var random: SplitMix64
  private let pages: UInt64
  private var isZero = true
  private var left: UInt64 = 0
  private var seen: UInt64 = 0
  private var zeros: UInt64 = 0

  init(seed: UInt64, pages: Int) {
    random = SplitMix64(seed: mix(seed) &+ 23)
    self.pages = UInt64(pages)
  }

  /// nil: a zero page; else the page's number in the pool.
  mutating func next() -> Int? {
    if left == 0 {
      isZero.toggle()
      left = run()
    }
    left -= 1
    seen += 1
    if isZero {
      zeros += 1
      return nil
    }
    return Int(random.next() % pages)
  }

  private mutating func run() -> UInt64 {
    let runs = isZero ? SizeTargets.zeroRuns : SizeTargets.otherRuns
    let length = runs[Int(random.next() % UInt64(runs.count))]
    let stray = Double(zeros) - SizeTargets.zeroShare * Double(seen)
    let limit = 64 + Double(seen) / 1024
    if isZero && stray > limit || !isZero && stray < -limit { return min(length, 2) }
    return length
  }
}

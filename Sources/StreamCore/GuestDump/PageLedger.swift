/// Which pages of `present` have come and which are bad: what both writers must know before they can end.
struct PageLedger: Sendable {
  let present: FrameBitmap
  /// `present` without the pages that turned out bad.
  private(set) var kept: FrameBitmap
  /// The first thing that was told wrong.
  private var defect: GuestDumpDefect?
  /// The first write that failed.
  private var failure: SystemError?
  /// One bit a page, by rank.
  private var arrived: [UInt64]
  /// The frame behind the last that came, and what its rank is if it is present: pages come in runs.
  private var next: (frame: UInt64, rank: UInt64) = (.max, 0)

  init(_ present: FrameBitmap) {
    self.present = present
    kept = present
    arrived = Array(repeating: 0, count: Int((present.count + 63) / 64))
  }

  var badPages: UInt64 { present.count - kept.count }

  /// Notes the page as come; its rank in `present`, or `nil` when it was not expected, or came before.
  mutating func arrive(_ frame: UInt64) -> UInt64? {
    guard present.contains(frame) else {
      note(.unexpected(frame: frame))
      return nil
    }
    let rank = frame == next.frame ? next.rank : present.rank(frame)
    next = (frame &+ 1, rank + 1)
    let word = Int(rank / 64)
    let bit = UInt64(1) << (rank & 63)
    guard arrived[word] & bit == 0 else {
      note(.repeated(frame: frame))
      return nil
    }
    arrived[word] |= bit
    return rank
  }

  mutating func note(_ defect: GuestDumpDefect) {
    if self.defect == nil { self.defect = defect }
  }

  /// Notes that bytes of a page that came were not written: a dump without them must never be finished.
  mutating func note(_ failure: SystemError) {
    if self.failure == nil { self.failure = failure }
  }

  mutating func markBad(_ frame: UInt64) { kept.remove(frame) }

  /// Ends the account; afterwards `kept` is frozen.
  /// - Throws: what was noted, or `.missing` for a page that never came.
  mutating func close(_ path: String) throws(GuestDumpError) {
    kept.freeze()
    if let failure { throw .system(failure) }
    if let defect { throw .defect(path: path, defect) }
    if let frame = firstMissing { throw .defect(path: path, .missing(frame: frame)) }
  }

  private var firstMissing: UInt64? {
    var rank: UInt64 = 0
    var missing: UInt64?
    present.forEachRun { run in
      for frame in run where missing == nil {
        if arrived[Int(rank / 64)] >> (rank & 63) & 1 == 0 && kept.contains(frame) { missing = frame }
        rank += 1
      }
    }
    return missing
  }
}

extension FrameBitmap {
  /// `forEachRun` for a body that writes; after the first error nothing more is written.
  func writeEachRun(
    in range: Range<UInt64>? = nil, _ body: (Range<UInt64>) throws(SystemError) -> Void
  ) throws(SystemError) {
    var failure: SystemError?
    forEachRun(in: range) { run in
      guard failure == nil else { return }
      do throws(SystemError) { try body(run) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}

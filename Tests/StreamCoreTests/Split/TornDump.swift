import Synchronization

@testable import StreamCore

/// A dump that notes whose pages are read one by one, and lacks one frame or has it damaged.
struct TornDump: HostDump {
  enum Tear: Sendable, CaseIterable {
    case absent, damaged
  }

  final class Log: Sendable {
    private let frames = Mutex<Set<UInt64>>([])
    func note(_ frame: UInt64) { frames.withLock { _ = $0.insert(frame) } }
    var all: [UInt64] { frames.withLock { $0.sorted() } }
  }

  let whole: any HostDump
  let log: Log
  /// What is torn, `nil`: nothing.
  var frame: UInt64?
  var tear = Tear.absent

  var input: DumpInput { whole.input }
  var summary: HostDumpSummary { whole.summary }
  var notes: [Note] { whole.notes }
  var vmcoreinfo: VMCoreInfo? { whole.vmcoreinfo }
  var remarks: [Remark] { whole.remarks }
  var stretches: [Range<UInt64>] { whole.stretches }

  private func isGone(_ frame: UInt64) -> Bool { tear == .absent && frame == self.frame }

  func presence(_ frame: UInt64) -> Presence { isGone(frame) ? .filtered : whole.presence(frame) }

  func presenceRun(_ frame: UInt64, limit: UInt64) -> (presence: Presence, end: UInt64) {
    if isGone(frame) { return (.filtered, frame + 1) }
    let run = whole.presenceRun(frame, limit: limit)
    guard tear == .absent, let gone = self.frame, gone > frame, gone < run.end else { return run }
    return (run.presence, gone)
  }

  func visit(
    _ frames: Range<UInt64>, page: (StoredPage) throws -> Void, fault: (PageFault) throws -> Void
  ) throws {
    try whole.visit(
      frames,
      page: { stored in
        if isGone(stored.frame) { return }
        guard stored.frame == self.frame else { return try page(stored) }
        try fault(PageFault(.bad, frame: stored.frame, offset: stored.offset, reason: "torn"))
      }, fault: fault)
  }

  func entry(_ frame: UInt64) throws -> StoredEntry? {
    log.note(frame)
    guard frame == self.frame else { return try whole.entry(frame) }
    return tear == .absent ? nil : .fault(PageFault(.bad, frame: frame, offset: 0, reason: "torn"))
  }
}

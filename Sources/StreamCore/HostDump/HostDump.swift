enum HostDumpLimits {
  /// Frames in one stretch at most: what a worker of the head scan takes at once.
  static let stretch: UInt64 = 4096
}

/// A host dump, whatever its format: which frames it holds and where, and its notes. Opening one checks every header
/// value; after that only single pages can be at fault.
protocol HostDump: Sendable {
  var input: DumpInput { get }
  var summary: HostDumpSummary { get }
  var notes: [Note] { get }
  /// The host's VMCOREINFO, `nil` when the dump has none that passes the checks.
  var vmcoreinfo: VMCoreInfo? { get }
  /// What was odd or damaged but not fatal, one line each; reading descriptors can add to it.
  var remarks: [Remark] { get }

  func presence(_ frame: UInt64) -> Presence

  /// The presence of `frame`, and how far it is that of the frames behind it, at most up to `limit`, which is above
  /// `frame`. The frame at `end` can have the same presence again.
  func presenceRun(_ frame: UInt64, limit: UInt64) -> (presence: Presence, end: UInt64)

  /// Stretches of frames, ascending and disjoint, that together hold every stored page but those that lie wholly in a
  /// hole of the file, which are zero; at most 4096 frames each.
  var stretches: [Range<UInt64>] { get }

  /// Looks through the stored pages of `frames`, ascending: one call for each frame whose presence is `stored`, to
  /// `page` where its bytes can be read and to `fault` where they cannot.
  func visit(
    _ frames: Range<UInt64>, page: (StoredPage) throws -> Void, fault: (PageFault) throws -> Void
  ) throws

  /// Brings the stored pages of `frames` into `batch`, in place of what it holds: as `visit`, without a call for each.
  func load(_ frames: Range<UInt64>, into batch: inout PageBatch) throws

  /// One frame's entry; `nil` unless its presence is `stored`.
  func entry(_ frame: UInt64) throws -> StoredEntry?

  /// Of the stored pages of `frames`, ascending, those whose bytes cannot be had by what is said of their place: the
  /// descriptor cannot be followed, or they lie past the end of the file. No page is read. The caller asks whether the
  /// file is intact.
  /// - Returns: bytes that were asked for; the caller counts them.
  func forEachFault(in frames: Range<UInt64>, _ body: (UInt64, PageFault.Kind) throws -> Void) throws -> Int
}

extension HostDump {
  func load(_ frames: Range<UInt64>, into batch: inout PageBatch) throws {
    batch.clear(room: Int(min(UInt64(frames.count), HostDumpLimits.stretch)))
    try visit(frames, page: { batch.append($0) }, fault: { _ in batch.addFault() })
  }

  func forEachFault(in frames: Range<UInt64>, _ body: (UInt64, PageFault.Kind) throws -> Void) throws -> Int {
    try visit(frames, page: { _ in }, fault: { try body($0.frame, $0.kind) })
    return 0
  }

  func entry(_ frame: UInt64) throws -> StoredEntry? {
    guard frame < .max else { return nil }
    var found: StoredEntry?
    try visit(frame..<frame + 1, page: { found = .page($0) }, fault: { found = .fault($0) })
    return found
  }
}

/// What was written, for the manifest.
struct OutputSummary: Sendable, Equatable {
  /// The file's length; holes count.
  var bytes: UInt64
  /// Pages that the dump holds, zero pages included.
  var pages: UInt64
  /// Pages that were to come and were found damaged.
  var badPages: UInt64
  /// A name of `guestDumpFormats`.
  var format: String
  var codec: String
  /// SHA-256 of the file; `nil`: it was not asked for.
  var sha256: String?
}

/// Writes one guest's dump. `append` is called serially and says where the bytes go; they follow by `write`, in any
/// order and from any thread. The file depends on the pages and payloads in their order, not on how they are cut into
/// batches.
protocol GuestDumpWriter: AnyObject, Sendable {
  /// Pages can name bytes of earlier batches.
  var sharesPages: Bool { get }

  /// Gives pages their places.
  /// - Returns: where ranges of the payload must be written before `complete`.
  func append(_ batch: OutputBatch) throws(SystemError) -> [PayloadRange]

  /// Writes bytes at a place that `append` named.
  func write(_ bytes: GatheredBytes, at offset: UInt64) throws(SystemError)

  /// A page of `present` that turned out damaged: the dump will not have it. Frames outside `present` do not matter.
  func markBad(_ guestFrame: UInt64)

  /// Writes what is left, once: the file is whole, and has no name yet.
  func complete() throws(GuestDumpError) -> CompletedDump
}

/// A guest's dump that is whole and waits for its name.
struct CompletedDump: Sendable {
  private(set) var summary: OutputSummary
  private let file: OutputFile

  init(_ file: OutputFile, _ summary: OutputSummary) {
    self.file = file
    self.summary = summary
    file.beginWriteout()
  }

  /// With a checksum, where one is wanted: of what the file holds, which was written in any order.
  func summed(_ isWanted: Bool) throws(SystemError) -> CompletedDump {
    guard isWanted else { return self }
    var dump = self
    dump.summary.sha256 = try SHA256.sum(count: summary.bytes) { place, count throws(SystemError) in
      try file.read(at: place, count: count)
    }
    return dump
  }

  /// Waits until it is on the disk.
  func sync() throws(SystemError) { try file.sync() }

  /// Gives it its name, once it is synced. The name itself is there when the directory is synced.
  /// - Parameter force: replace a file that carries the name.
  func commit(force: Bool) throws(OutputError) { try file.commit(force: force, syncsDirectory: false) }
}

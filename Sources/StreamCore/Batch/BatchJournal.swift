import Synchronization

/// The one state file of a batch: what was looked at and how each dump ended, a JSON object a line; an end is on the disk
/// before the next step. Lines that are no such object are passed over: a dying machine may leave any.
/// Source: Documentation/nightly.md §4.
final class BatchJournal: Sendable {
  static let fileName = "batch.jsonl"
  static let schema = "vmcs-split-batch-1"

  /// What a look at a file came to: it counts as long as the file has the same stamp.
  struct Looked: Codable, Sendable {
    var path: String
    var stamp: FileStamp
    var look: DumpLook
  }

  /// How the work on a dump ended.
  struct Ended: Codable, Sendable {
    var identity: String
    var path: String
    /// In the output directory; `nil`: nothing was written.
    var directory: String?
    var result: BatchResult
    /// Seconds since 1970.
    var time: Int64
    var tool: String
  }

  private struct Line: Codable {
    var schema: String?
    var looked: Looked?
    var ended: Ended?
  }

  private struct State {
    var end: UInt64 = 0
    var looked: [String: Looked] = [:]
    var ended: [String: Ended] = [:]
  }

  private let log: SharedLog
  private let state = Mutex(State())
  var path: String { log.path }

  /// Opens or creates the journal in the output directory, which is there.
  /// - Throws: `HostDumpError.format` where the file is something else.
  init(in directory: String) throws {
    log = try SharedLog(path: directory + "/" + Self.fileName)
    let lines = try log.lines(from: 0).lines
    let schemas = lines.lazy.compactMap { PlainJSON.value(Line.self, $0)?.schema }
    if schemas.first == Self.schema { return }
    let schema = try PlainJSON.line(Line(schema: Self.schema))
    // A run that was killed may have left the beginning of that line.
    guard lines.allSatisfy({ schema.starts(with: $0) }) else {
      throw HostDumpError.format(
        FormatError(
          file: log.path, offset: 0, field: "schema", expected: Self.schema,
          found: schemas.first.map { HostileText.escaped($0) } ?? "no journal of a batch"))
    }
    try log.append(schema)
  }

  /// Takes in what was appended meanwhile, by us or others.
  private func refresh(_ state: inout State) throws(SystemError) {
    let (lines, end) = try log.lines(from: state.end)
    state.end = end
    for line in lines {
      guard let line = PlainJSON.value(Line.self, line) else { continue }
      if let looked = line.looked { state.looked[looked.path] = looked }
      if let ended = line.ended { state.ended[ended.key] = ended }
    }
  }

  /// What was found of a file that has not changed since.
  func look(at path: String, _ stamp: FileStamp) throws(SystemError) -> DumpLook? {
    try state.withLock { (state) throws(SystemError) in
      try refresh(&state)
      return state.looked[path].flatMap { $0.stamp == stamp ? $0.look : nil }
    }
  }

  /// How the work on this content ended last.
  func end(of identity: String, isList: Bool) throws(SystemError) -> Ended? {
    try state.withLock { (state) throws(SystemError) in
      try refresh(&state)
      return state.ended[Ended.key(identity, isList)]
    }
  }

  /// One that a dying machine loses is found anew.
  func note(_ looked: Looked) throws { try log.append(try PlainJSON.line(Line(looked: looked)), isSynced: false) }

  func note(_ ended: Ended) throws { try log.append(try PlainJSON.line(Line(ended: ended))) }

  /// Keeps every other run from this content as long as the claim is held; `nil`: another has it.
  func claim(_ identity: String) throws(SystemError) -> SharedLog.Claim? {
    try log.claim(UInt64(identity.prefix(16), radix: 16) ?? 0)
  }
}

extension BatchJournal.Ended {
  fileprivate static func key(_ identity: String, _ isList: Bool) -> String { identity + (isList ? " list" : "") }
  fileprivate var key: String { Self.key(identity, result.isList) }
}

/// How a batch came out: of all dumps that it was asked for, whether they were done this time or before.
public struct BatchSummary: Sendable, Encodable {
  public static let schemaName = "vmcs-split-batch-summary-1"

  /// A dump.
  public struct Dump: Sendable, Encodable, Equatable {
    public var path: String
    /// All files of a set, that one among them.
    public var files: [String]?
    /// SHA-256 of all its bytes; `nil` where they could not be read.
    public var identity: String?
    /// "whole", "losses", "no_guests", or what it failed by.
    public var outcome: String
    public var reason: String?
    /// Below the output directory.
    public var directory: String?
    /// The dump of the same content that stands for this one.
    public var duplicateOf: String?
    public var guests: Int?
    public var written: Int?
    public var bytes: UInt64?
    public var seconds: Double?
    /// It was worked on in this run.
    public var isNew = false

    init(_ path: String, _ result: BatchResult, identity: String? = nil) {
      self.path = path
      self.identity = identity
      outcome = result.outcome.rawValue
      reason = result.reason
      (guests, written, bytes, seconds) = (result.guests, result.written, result.bytes, result.seconds)
    }

    /// Of a dump that is done, whatever it was called then.
    init(_ path: String, _ ended: BatchJournal.Ended) {
      self.init(path, ended.result, identity: ended.identity)
      directory = ended.directory
    }

    private var known: BatchResult.Outcome { BatchResult.Outcome(rawValue: outcome) ?? .interrupted }
    public var hasFailed: Bool { [.unusableInput, .ioFailed].contains(status) }
    var status: ExitStatus { known.status }
    public var hasLosses: Bool { known == .losses }
  }

  /// A file or folder that is no dump, or was not looked through, and why.
  public struct Other: Sendable, Encodable, Equatable {
    public var path: String
    public var why: String
  }

  public var schema = BatchSummary.schemaName
  public var tool = Manifest.Tool(name: "vmcs-split", version: toolVersion)
  public var shard: String?
  public var dumps: [Dump] = []
  /// Files among the sources that are no dumps.
  public var others: [Other] = []
  /// Sources that could not be looked through.
  public var unread: [Other] = []
  /// Dumps older than was asked for, and those of other shards.
  public var older = 0
  public var ofOtherShards = 0
  /// Of the whole run.
  public var seconds = 0.0

  /// The worst that a scheduler has to act on: worth another try before cannot be used, before losses.
  public var exitStatus: ExitStatus {
    let all = Set(dumps.map(\.status))
    if all.contains(.ioFailed) { return .ioFailed }
    if all.contains(.unusableInput) || !unread.isEmpty { return .unusableInput }
    return all.contains(.incomplete) ? .incomplete : .complete
  }

  /// Dumps by how they came out, duplicates apart.
  public var counts: [(outcome: String, count: Int)] {
    BatchResult.Outcome.allCases.map { outcome in
      (outcome.rawValue, originals.count { $0.outcome == outcome.rawValue })
    }
  }

  public var originals: [Dump] { dumps.filter { $0.duplicateOf == nil } }
  public var duplicates: Int { dumps.count - originals.count }
  public var guests: Int { originals.reduce(0) { $0 + ($1.guests ?? 0) } }
  public var written: Int { originals.reduce(0) { $0 + ($1.written ?? 0) } }
  public var bytes: UInt64 { originals.reduce(0) { $0 &+ ($1.bytes ?? 0) } }

  /// The document as UTF-8, keys sorted; nothing in it moves a terminal's cursor.
  public func json() throws -> [UInt8] { try PlainJSON.document(self) }
}

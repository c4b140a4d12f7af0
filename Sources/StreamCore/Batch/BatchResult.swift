/// What the work on a dump came to.
struct BatchResult: Codable, Sendable, Equatable {
  enum Outcome: String, Codable, Sendable, CaseIterable {
    /// All guests are there, nothing is missing.
    case whole
    /// Guests are there, and something is missing: their manifest says what.
    case losses
    /// A fine dump of a host without guests.
    case no_guests
    /// No dump that can be used.
    case unusable
    /// It cannot be opened.
    case unreadable
    /// Working on it ended the program: a defect.
    case crashed
    /// A signal ended the work, as the system sends one where memory runs out.
    case killed
    /// It took longer than it was given.
    case timed_out
    /// Its output cannot be created.
    case blocked
    /// There was no room for its output.
    case no_room
    /// Reading or writing failed.
    case io_error
    /// The file changed while it was read.
    case changing
    /// The batch was told to end before this one was done.
    case interrupted

    /// What a scheduler is told: the design's exit statuses.
    var status: ExitStatus {
      switch self {
      case .whole, .no_guests: .complete
      case .losses: .incomplete
      case .unusable, .unreadable, .crashed: .unusableInput
      case .killed, .timed_out, .blocked, .no_room, .io_error, .changing, .interrupted: .ioFailed
      }
    }

    /// Guests were written or listed.
    var hasOutput: Bool { self == .whole || self == .losses }
    /// The same content comes to the same again.
    var isFinal: Bool { hasOutput || self == .no_guests }
    /// It does with the same version of the program.
    var isFinalForVersion: Bool { self == .unusable || self == .crashed }
    /// Worth another try within the same run.
    var isRetried: Bool { self == .io_error || self == .no_room }
  }

  var outcome: Outcome
  /// The line of the child that failed.
  var reason: String?
  /// Guests that the dump has, and those with a dump of their own.
  var guests: Int?
  var written: Int?
  /// Of the guests' dumps.
  var bytes: UInt64?
  /// Only listed.
  var isList = false
  var seconds: Double?

  init(_ outcome: Outcome, reason: String? = nil, isList: Bool) {
    self.outcome = outcome
    self.reason = reason
    self.isList = isList
  }

  /// - Parameters:
  ///   - path: of the dump, which a reason need not begin with.
  ///   - manifest: what the child wrote, for one that ended with 0 or 1.
  init(_ end: ChildProcess.End, of path: String, manifest: BatchManifest? = nil, isList: Bool) {
    self.isList = isList
    let lines = String(decoding: end.errors, as: UTF8.self).split(separator: "\n")
    let line = lines.last { $0.hasPrefix("vmcs-split: ") }?.dropFirst("vmcs-split: ".count) ?? lines.last
    let start = PathText.printable(path) + ": "
    reason = line.map { HostileText.escaped(String($0.hasPrefix(start) ? $0.dropFirst(start.count) : $0)) }
    if end.isLate, end.status != 0, end.status != 1 {
      outcome = .timed_out
      reason = "it took longer than --time-limit" + (reason.map { ": \($0)" } ?? "")
      return
    }
    switch end.status {
    case 0, 1:
      guard let manifest else {
        outcome = .io_error
        reason = "there is no manifest"
        return
      }
      outcome = manifest.hasLosses ? .losses : .whole
      reason = manifest.hasLosses ? manifest.losses : nil
      (guests, written, bytes) = (manifest.guests, manifest.written, manifest.bytes)
    case ExitStatus.noGuest.code: outcome = .no_guests
    case ExitStatus.cannotOpen.code: outcome = .unreadable
    case ExitStatus.cannotCreate.code: outcome = Self.isOfNoRoom(line) ? .no_room : .blocked
    case ExitStatus.ioFailed.code: outcome = Self.isOfNoRoom(line) ? .no_room : .io_error
    case ExitStatus.defect.code: outcome = .crashed
    case let status? where status > 128: outcome = .killed
    case .some: outcome = .unusable
    case nil:
      outcome = ChildProcess.Signals.ofOthers.contains(end.signal) ? .killed : .crashed
      reason = "ended by signal \(end.signal)" + (reason.map { ": \($0)" } ?? "")
    }
  }

  /// - Parameter error: of an output that a batch makes by itself.
  init(_ error: OutputError, isList: Bool) {
    switch error {
    case .cannotCreate(let error):
      self.init(error.isOfNoRoom ? .no_room : .blocked, reason: "\(error)", isList: isList)
    case .system(let error): self.init(error.isOfNoRoom ? .no_room : .io_error, reason: "\(error)", isList: isList)
    case .inUse(let path):
      self.init(.blocked, reason: "\(path): another run of vmcs-split writes into this directory", isList: isList)
    case .exists(let path), .isInput(let path), .otherInput(let path):
      self.init(.blocked, reason: "\(path): it is there already", isList: isList)
    }
  }

  /// The child is this program: it says what the system says, in the same words.
  private static func isOfNoRoom(_ line: Substring?) -> Bool {
    guard let line else { return false }
    return SystemError.ofNoRoom.contains { line.hasSuffix(": \($0)") }
  }
}

/// What a batch wants to know of a manifest.
struct BatchManifest: Sendable, Equatable {
  var guests = 0
  var written = 0
  var bytes: UInt64 = 0
  var absent: UInt64 = 0
  var bad: UInt64 = 0
  /// Codes of warnings that tell of a loss.
  var codes: [String] = []
  /// Bytes of the files of the input.
  var inputBytes: UInt64 = 0

  /// - Returns: `nil`: the bytes are no manifest.
  init?(_ bytes: [UInt8]) {
    guard let document = JSONValue(bytes), document["schema"]?.text == Manifest.schemaName else { return nil }
    func sum(_ counts: some Sequence<UInt64>) -> UInt64 { counts.reduce(0) { $0 &+ $1 } }
    let all = document["guests"]?.elements ?? []
    let outputs = all.compactMap { $0["output"] }
    guests = all.count
    written = outputs.count
    self.bytes = sum(outputs.compactMap { $0["bytes"]?.integer })
    absent = sum(all.flatMap { $0["pages"]?["absent"]?.members?.values.compactMap(\.integer) ?? [] })
    bad = sum(all.compactMap { $0["bad_pages"]?["count"]?.integer })
    codes = Set((document["warnings"]?.elements ?? []).compactMap { $0["code"]?.text })
      .filter { WarningCode(rawValue: $0)?.isLoss ?? true }.sorted()
    inputBytes = sum(document["input"]?["files"]?.elements.compactMap { $0["size"]?.integer } ?? [])
  }

  /// As `Manifest.exitStatus` has it.
  var hasLosses: Bool { absent > 0 || bad > 0 || !codes.isEmpty }

  /// In few words.
  var losses: String {
    var parts: [String] = []
    if absent > 0 { parts.append("\(absent) guest pages are not in the dump") }
    if bad > 0 { parts.append("\(bad) are damaged") }
    if !codes.isEmpty { parts.append("warnings of loss: \(codes.joined(separator: ", "))") }
    return parts.joined(separator: "; ")
  }
}

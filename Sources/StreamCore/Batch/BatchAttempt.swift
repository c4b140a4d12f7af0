import FoundationEssentials

/// The work on one file: a look at it, and then on its dump by a child, again where that is of use.
struct BatchAttempt: Sendable {
  private let work: BatchWork
  private let file: BatchSources.File
  private let journal: BatchJournal
  private var batch: Batch { work.batch }

  /// What a look comes to.
  enum Looked: Sendable {
    case other(why: String)
    case older
    case ofOtherShard
    case failed(BatchResult)
    /// - Parameter before: what this content came to in an earlier run, if that stays.
    case dump(DumpLook, identity: String, before: BatchJournal.Ended?)
  }

  init(_ work: BatchWork, _ file: BatchSources.File, _ journal: BatchJournal) {
    self.work = work
    self.file = file
    self.journal = journal
  }

  // MARK: - Looking

  func look() -> Looked {
    do {
      let stamp = try FileStamp.read(file.path).stamp
      let question = DumpLook.Question(
        isNamed: file.isNamed, since: batch.since, fileTime: stamp.modified / 1_000_000_000, shard: batch.shard)
      // The size of a block device is not in its stamp.
      if let known = try journal.look(at: file.path, stamp), known.size == stamp.size, known.answers(question) {
        return try judge(known, question)
      }
      var failure = BatchResult(.interrupted, isList: batch.isList)
      for attempt in 0...max(0, batch.retries) where !work.hasStopped {
        let end = try ChildProcess.run(
          Self.arguments(file.path, question), seconds: batch.timeLimit, isUnwanted: { work.cancellation.isCancelled })
        if end.status == 0, let look = PlainJSON.value(DumpLook.self, end.output) {
          guard try FileStamp.read(file.path).stamp == stamp else {
            return .failed(
              BatchResult(.changing, reason: "it changed while it was read", isList: batch.isList))
          }
          // On a full disk the next run looks again.
          try? journal.note(.init(path: file.path, stamp: stamp, look: look))
          return try judge(look, question)
        }
        failure = BatchResult(end, of: Self.named(file.path), isList: batch.isList)
        guard failure.outcome.isRetried, attempt < batch.retries else { break }
        pause(failure)
      }
      return .failed(failure)
    } catch {
      return .failed(BatchResult(.unreadable, reason: "\(error)", isList: batch.isList))
    }
  }

  static let lookCommand = "batch-look"

  private static func arguments(_ path: String, _ question: DumpLook.Question) -> [String] {
    var words = [lookCommand, named(path), "--file-time", "\(question.fileTime)"]
    if question.isNamed { words.append("--named") }
    if let since = question.since { words += ["--since", "\(since)"] }
    if let shard = question.shard { words += ["--shard", shard.text] }
    return words
  }

  /// A path that is no option.
  private static func named(_ path: String) -> String { path.hasPrefix("-") ? "./" + path : path }

  private func judge(_ look: DumpLook, _ question: DumpLook.Question) throws -> Looked {
    if !look.isDump, !file.isNamed { return .other(why: look.why ?? "it is no dump") }
    if let since = question.since, look.crashTime ?? question.fileTime < since { return .older }
    if let shard = question.shard, !shard.has(look.sample ?? "") { return .ofOtherShard }
    guard let identity = look.identity else {
      return .failed(BatchResult(.unreadable, reason: "it was not read", isList: batch.isList))
    }
    return .dump(look, identity: identity, before: try endBefore(identity))
  }

  // MARK: - Working

  /// - Parameter waits: for another run that has this dump.
  /// - Returns: `nil`: another run has it.
  func work(_ look: DumpLook, waits: Bool) throws -> BatchSummary.Dump? {
    guard let identity = look.identity else { return nil }
    if let ended = try endBefore(identity) { return dump(ended, isNew: false) }
    guard !work.hasStopped else { return interrupted(identity) }
    var claim = try journal.claim(identity)
    while claim == nil, waits, !work.hasStopped {
      Self.rest()
      claim = try journal.claim(identity)
    }
    guard let claim else { return waits ? interrupted(identity) : nil }
    // Whoever had it until now may have done it.
    if let ended = try endBefore(identity) { return dump(ended, isNew: false) }
    // Until the end is noted.
    defer { withExtendedLifetime(claim) {} }
    let began = ContinuousClock.now
    var result = try adopted(look, identity) ?? tried(look, identity, claim)
    result.seconds = (ContinuousClock.now - began).seconds
    guard result.outcome != .interrupted else { return interrupted(identity) }
    let ended = BatchJournal.Ended(
      identity: identity, path: file.path, directory: result.outcome.hasOutput ? directory(identity) : nil,
      result: result, time: Int64(Date().timeIntervalSince1970), tool: tool)
    do { try journal.note(ended) } catch { work.keep(ended) }
    return dump(ended, isNew: true)
  }

  /// What comes to the same again: the version, and what it is given.
  private var tool: String { ([toolVersion, ProcessSurroundings.commit] + batch.childOptions).joined(separator: " ") }

  private func interrupted(_ identity: String) -> BatchSummary.Dump {
    var dump = BatchSummary.Dump(file.path, BatchResult(.interrupted, isList: batch.isList), identity: identity)
    dump.files = files
    return dump
  }

  private var files: [String]? { file.further.isEmpty ? nil : file.paths }

  /// What an earlier run, or another one at the same time, came to, if that stays.
  private func endBefore(_ identity: String) throws -> BatchJournal.Ended? {
    guard let ended = try journal.end(of: identity, isList: batch.isList) else { return nil }
    let stays =
      ended.result.outcome.isFinal || ended.result.outcome.isFinalForVersion && ended.tool == tool
    guard stays else { return nil }
    // Outputs that someone removed are made again.
    if let directory = ended.directory, (try? FileStamp.read(batch.output + "/" + directory)) == nil { return nil }
    return ended
  }

  private func dump(_ ended: BatchJournal.Ended, isNew: Bool) -> BatchSummary.Dump {
    var dump = BatchSummary.Dump(file.path, ended)
    dump.isNew = isNew
    dump.files = files
    return dump
  }

  /// What is made of a dump has its name, and the beginning of its identity, so that no two come together.
  private func directory(_ identity: String) -> String {
    let name = file.name.split(separator: "/").suffix(2).joined(separator: "_")
    var safe = name.utf8.map { byte -> Character in
      let character = Character(UnicodeScalar(byte))
      return byte < 0x80 && (character.isLetter || character.isNumber || "._-".contains(character)) ? character : "_"
    }.suffix(100)
    if let first = safe.first, first == "." || first == "-" { safe = ["_"] + safe.dropFirst() }
    return String(safe) + "-" + identity.prefix(12)
  }

  private var manifestName: String { batch.isList ? "list.json" : "manifest.json" }

  private func manifest(_ identity: String) -> BatchManifest? {
    let path = batch.output + "/" + directory(identity) + "/" + manifestName
    guard let file = try? InputFile(path: path, mapped: false),
      let bytes = try? file.read(at: 0, count: Int(min(file.size, 256 << 20)))
    else { return nil }
    return BatchManifest(bytes)
  }

  /// What is whole already: an earlier run ended after its last file had its name, and before that was noted.
  private func adopted(_ look: DumpLook, _ identity: String) -> BatchResult? {
    guard let manifest = manifest(identity), manifest.inputBytes == look.size else { return nil }
    return BatchResult(.init(status: 0), of: file.path, manifest: manifest, isList: batch.isList)
  }

  private func tried(_ look: DumpLook, _ identity: String, _ claim: SharedLog.Claim) throws -> BatchResult {
    var result = BatchResult(.interrupted, isList: batch.isList)
    for attempt in 0...max(0, batch.retries) where !work.hasStopped {
      let room = FileSystem.freeBytes(batch.output) ?? 0
      result = try batch.isList ? listed(identity, claim) : split(identity, claim)
      if work.cancellation.isCancelled, !result.outcome.isFinal { return .init(.interrupted, isList: batch.isList) }
      guard result.outcome.isRetried, attempt < batch.retries else { return result }
      pause(result, room: room)
    }
    return result
  }

  private func split(_ identity: String, _ claim: SharedLog.Claim) throws -> BatchResult {
    let path = batch.output + "/" + directory(identity)
    // What is there without a manifest is of a run that was killed.
    let end = try ChildProcess.run(
      ["split"] + file.paths.map(Self.named) + ["--output", Self.named(path), "--force"] + batch.means, claim: claim,
      seconds: batch.timeLimit, isUnwanted: { work.cancellation.isCancelled })
    let result = BatchResult(end, of: Self.named(file.path), manifest: manifest(identity), isList: false)
    if !result.outcome.hasOutput { FileSystem.removeEmptyDirectory(path) }
    return result
  }

  private func listed(_ identity: String, _ claim: SharedLog.Claim) throws -> BatchResult {
    let path = batch.output + "/" + directory(identity)
    do {
      let output = try OutputDirectory(path: path, force: true)
      let list = try OutputFile(manifestName, in: output.place)
      let end = try ChildProcess.run(
        ["list"] + file.paths.map(Self.named) + ["--json"] + batch.means, output: list, claim: claim,
        seconds: batch.timeLimit, isUnwanted: { work.cancellation.isCancelled })
      if end.status == 0 || end.status == 1 {
        try list.sync()
        try list.commit(force: true)
      }
      let result = BatchResult(end, of: Self.named(file.path), manifest: manifest(identity), isList: true)
      if !result.outcome.hasOutput { FileSystem.removeEmptyDirectory(path) }
      return result
    } catch let error as OutputError {
      return BatchResult(error, isList: true)
    } catch let error as SystemError {
      return BatchResult(.system(error), isList: true)
    }
  }

  // MARK: - Waiting

  private static func rest() { SystemThread.rest(milliseconds: 100) }

  /// Before the next try: some time, or until there is more room than there was.
  /// - Parameter room: bytes that were free when it was begun. There may be less now, or more already.
  private func pause(_ result: BatchResult, room: UInt64 = 0) {
    let isOfRoom = result.outcome == .no_room
    let before = min(room, FileSystem.freeBytes(batch.output) ?? 0)
    let reason = result.reason ?? "it failed"
    batch.note(isOfRoom ? .waitsForRoom(path: file.path, reason: reason) : .again(path: file.path, reason: reason))
    let began = ContinuousClock.now
    while !work.hasStopped, ContinuousClock.now - began < .seconds(batch.pause) {
      if isOfRoom, FileSystem.freeBytes(batch.output) ?? 0 > before + 1 << 20 { return }
      Self.rest()
    }
  }
}

extension DumpLook {
  /// Whether it was looked far enough to answer.
  fileprivate func answers(_ question: Question) -> Bool {
    guard isDump || question.isNamed else { return true }
    return sample != nil && (identity != nil || !question.wants(self))
  }
}

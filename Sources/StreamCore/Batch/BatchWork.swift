import Dispatch
import FoundationEssentials
import Synchronization

/// The work of a batch: several dumps at a time, taken in the order of their paths. Which of two dumps of one content
/// stands for both is settled in that order, so that the summary does not depend on who was quicker.
final class BatchWork: Sendable {
  let batch: Batch
  let cancellation: Cancellation
  private let state = Mutex(State())

  private struct State {
    var next = 0
    var done = 0
    var hasStopped = false
    /// By identity, the path that stands for the content.
    var originals: [String: String] = [:]
    /// By the file's place.
    var dumps: [Int: BatchSummary.Dump] = [:]
    /// Parts of sets, whose other parts may be found later.
    var parts: [BatchPiece] = []
    /// Dumps that another run has, to be asked for at the end.
    var left: [BatchPiece] = []
    var summary = BatchSummary()
    /// Ends that the journal did not take.
    var unnoted: [BatchJournal.Ended] = []
  }

  init(_ batch: Batch, _ cancellation: Cancellation) {
    self.batch = batch
    self.cancellation = cancellation
  }

  func run() throws -> BatchSummary {
    let began = ContinuousClock.now
    do throws(SystemError) { try FileSystem.makeDirectories(batch.output, mode: 0o700) } catch {
      throw OutputError.cannotCreate(error)
    }
    let journal = try BatchJournal(in: batch.output)
    let sources = try BatchSources(batch.sources, output: batch.output)
    try workOn(sources.files, journal)
    if cancellation.isCancelled { throw Cancelled() }
    note(unnotedOf: journal)
    return state.withLock { state in
      var summary = state.summary
      summary.shard = batch.shard?.text
      summary.unread += sources.unread.map { .init(path: $0.path, why: $0.why) }
      summary.dumps = settled(state.dumps)
      summary.others.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
      summary.seconds = (ContinuousClock.now - began).seconds
      return summary
    }
  }

  private func workOn(_ files: [BatchSources.File], _ journal: BatchJournal) throws {
    // Each is opened by the one before, once it is settled what that one stands for.
    let turns = (0...files.count).map { _ in DispatchSemaphore(value: 0) }
    turns[0].signal()
    let paths = Set(files.map(\.path))
    let workers = Workers(count: batch.jobs)
    try workers.forEach(batch.jobs) { [self] _, _ in
      while let index = takeNext(files.count) {
        let looked = BatchAttempt(self, files[index], journal).look()
        turns[index].wait()
        let look = settle(looked, of: files[index], index, among: paths)
        turns[index + 1].signal()
        if let look { workOn(BatchPiece(index: index, file: files[index], look: look), journal, of: files.count) }
      }
    }
    let sets = BatchSet.all(state.withLock { $0.parts })
    try workers.forEach(sets.count) { [self] _, item in
      for copy in sets[item].copies { note(copy, of: sets[item]) }
      workOn(sets[item].piece, journal, of: files.count)
    }
    let left = state.withLock { $0.left }
    try workers.forEach(left.count) { [self] _, item in
      batch.note(.waitsForOther(path: left[item].file.path))
      workOn(left[item], journal, of: files.count, waits: true)
    }
  }

  /// `settled` says what it came to.
  private func note(_ copy: BatchPiece, of set: BatchSet) {
    let interrupted = BatchResult(.interrupted, isList: batch.isList)
    var dump = BatchSummary.Dump(copy.file.path, interrupted, identity: set.identity)
    dump.duplicateOf = set.piece.file.path
    state.withLock { $0.dumps[copy.index] = dump }
  }

  private func takeNext(_ count: Int) -> Int? {
    state.withLock { state in
      guard state.next < count, !cancellation.isCancelled else { return nil }
      state.next += 1
      return state.next - 1
    }
  }

  /// - Returns: what is to be worked on; `nil`: this file is settled.
  private func settle(
    _ looked: BatchAttempt.Looked, of file: BatchSources.File, _ index: Int, among paths: Set<String>
  ) -> DumpLook? {
    state.withLock { state in
      switch looked {
      case .other(let why): state.summary.others.append(.init(path: file.path, why: why))
      case .older: state.summary.older += 1
      case .ofOtherShard: state.summary.ofOtherShards += 1
      case .failed(let result): state.dumps[index] = .init(file.path, result)
      case .dump(let look, _, _) where look.part != nil:
        state.parts.append(BatchPiece(index: index, file: file, look: look))
      case .dump(let look, let identity, let before):
        // The one that was worked on, as long as it is among the sources; else the first.
        let known = before.flatMap { paths.contains($0.path) ? $0.path : nil }
        let original = known ?? state.originals[identity] ?? file.path
        state.originals[identity] = original
        if original == file.path { return look }
        let interrupted = BatchResult(.interrupted, isList: batch.isList)
        var dump = before.map { BatchSummary.Dump(file.path, $0) } ?? .init(file.path, interrupted, identity: identity)
        dump.duplicateOf = original
        state.dumps[index] = dump
      }
      return nil
    }
  }

  private func workOn(_ piece: BatchPiece, _ journal: BatchJournal, of count: Int, waits: Bool = false) {
    let dump: BatchSummary.Dump
    do {
      guard let done = try BatchAttempt(self, piece.file, journal).work(piece.look, waits: waits) else {
        return state.withLock { $0.left.append(piece) }
      }
      dump = done
    } catch {
      // No process can be had, or the journal cannot be read: the others may have more luck.
      let result = BatchResult(.io_error, reason: "\(error)", isList: batch.isList)
      dump = .init(piece.file.path, result, identity: piece.look.identity)
    }
    let done = state.withLock { state in
      state.dumps[piece.index] = dump
      state.done += 1
      if dump.hasFailed, !batch.keepsGoing { state.hasStopped = true }
      return state.done
    }
    if dump.outcome != BatchResult.Outcome.interrupted.rawValue {
      batch.note(.ended(dump, done: done, of: count))
    }
  }

  /// Nothing more is begun.
  var hasStopped: Bool { cancellation.isCancelled || state.withLock { $0.hasStopped } }

  /// Dumps in the order of their paths; a duplicate came out as the one that stands for it. Where that one has another
  /// content by now, the first of the duplicates stands for the others.
  private func settled(_ dumps: [Int: BatchSummary.Dump]) -> [BatchSummary.Dump] {
    var originals: [String: BatchSummary.Dump] = [:]
    for dump in dumps.values where dump.duplicateOf == nil {
      if let identity = dump.identity { originals[identity] = dump }
    }
    return dumps.sorted { $0.key < $1.key }.map { _, dump in
      guard dump.duplicateOf != nil, let identity = dump.identity else { return dump }
      var dump = dump
      // Its numbers are those of that one, and not counted twice.
      (dump.guests, dump.written, dump.bytes, dump.seconds) = (nil, nil, nil, nil)
      if let its = originals[identity] {
        dump.duplicateOf = its.path
        (dump.outcome, dump.reason, dump.directory) = (its.outcome, its.reason, its.directory)
      } else {
        dump.duplicateOf = nil
        originals[identity] = dump
      }
      return dump
    }
  }

  // MARK: - The journal on a full disk

  /// Keeps an end that could not be noted: there may be room later.
  func keep(_ ended: BatchJournal.Ended) { state.withLock { $0.unnoted.append(ended) } }

  private func note(unnotedOf journal: BatchJournal) {
    state.withLock { state in
      for ended in state.unnoted {
        do { try journal.note(ended) } catch {
          state.summary.unread.append(.init(path: journal.path, why: "\(error)"))
          return
        }
      }
    }
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// One log among several that are read together.
public struct LogSource: Sendable {
  /// "host", or a guest's name.
  public let name: String
  /// How its stamps are told by the host's clock, for people.
  public let note: String?
}

/// A record of one of several logs.
public struct MergedRecord: Sendable {
  public let source: String
  /// By the host's clock, nanoseconds.
  public let hostTime: UInt64
  public let record: LogRecord
  /// What stands before its text: the host's time, and whose it is.
  public let prefix: String
}

/// Several kernels' logs as one, by the host's clock. Each keeps its own order; of a guest's log nothing is known but what
/// the guest says.
struct MergedLogs: Sendable {
  private struct Reader: Sendable {
    let name: String
    /// As wide as the widest name.
    let label: String
    let clock: GuestClock?
    var log: KernelLog
    var next: (time: UInt64, record: LogRecord)?

    mutating func advance() {
      next = log.next().map { record in
        // Before the host booted there was no guest; such a stamp is shown as the host's first moment.
        (clock.map { $0.host(record.nanoseconds) ?? 0 } ?? record.nanoseconds, record)
      }
    }
  }

  private var readers: [Reader] = []

  /// - Parameter logs: the host's, which has no clock beside its own, and those of guests.
  init(_ logs: [(name: String, log: KernelLog, clock: GuestClock?)]) {
    let width = logs.map(\.name.utf8.count).max() ?? 0
    readers = logs.map { name, log, clock in
      let label = name + String(repeating: " ", count: width - name.utf8.count) + " | "
      return Reader(name: name, label: label, clock: clock, log: log)
    }
    for index in readers.indices { readers[index].advance() }
  }

  /// The next records, as many as are there but `limit`.
  mutating func next(_ limit: Int) -> [MergedRecord] {
    var records: [MergedRecord] = []
    while records.count < limit {
      var best: (index: Int, time: UInt64)?
      for (index, reader) in readers.enumerated() {
        guard let time = reader.next?.time, best.map({ time < $0.time }) ?? true else { continue }
        best = (index, time)
      }
      guard let best, let next = readers[best.index].next else { break }
      let reader = readers[best.index]
      records.append(
        MergedRecord(
          source: reader.name, hostTime: next.time, record: next.record,
          prefix: LogText.stamp(next.time) + reader.label))
      readers[best.index].advance()
    }
    return records
  }

  /// What could not be read so far, one line each.
  var losses: [String] {
    readers.flatMap { reader in reader.log.losses.map { "\(reader.name): its log is not whole: \($0)" } }
  }
}

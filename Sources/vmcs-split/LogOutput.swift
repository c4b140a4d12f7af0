import StreamCore

/// Where the records of a log go: lines, or one JSON document that is written while the log is read.
final class LogOutput {
  private let isJSON: Bool
  private let isTerminal = Terminal.outputWidth != nil
  private var count = 0

  init(isJSON: Bool) { self.isJSON = isJSON }

  /// - Returns: `false` when standard output takes no more.
  func write(_ records: [LogRecord]) -> Bool { write(records.map { ($0, nil, LogEntry($0)) }) }

  /// Records of several logs, each with its log's name and its time by the host's clock.
  func write(_ records: [MergedRecord]) -> Bool { write(records.map { ($0.record, $0.prefix, LogEntry($0)) }) }

  private func write(_ records: [(record: LogRecord, prefix: String?, entry: LogEntry)]) -> Bool {
    if isJSON { return Terminal.bytes(Array(records.map { json($0.entry) }.joined().utf8)) }
    if isTerminal {
      return Terminal.bytes(Array(records.map { LogText.printable($0.record, prefix: $0.prefix) }.joined().utf8))
    }
    return Terminal.bytes(records.flatMap { LogText.bytes($0.record, prefix: $0.prefix) })
  }

  private func json(_ entry: LogEntry) -> String {
    count += 1
    // One record a line.
    let text = (try? LogEntry.encoder.encode(entry)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    return (count == 1 ? "{\n\"records\": [\n" : ",\n") + HostileText.escaped(json: text)
  }

  /// What ends the document.
  func end(_ losses: [String]) throws {
    guard isJSON else { return }
    let lost = String(decoding: try LogEntry.encoder.encode(losses), as: UTF8.self)
    let start = count == 0 ? "{\n\"records\": [" : "\n"
    let schema = "\"schema\": \"vmcs-split-log-1\""
    Terminal.document(start + "],\n\"losses\": \(HostileText.escaped(json: lost)),\n\(schema)\n}\n")
  }
}

import StreamCore

/// Where the records of a log go: lines, or one JSON document that is written while the log is read.
final class LogOutput {
  private let isJSON: Bool
  private let isTerminal = Terminal.outputWidth != nil
  private var count = 0

  init(isJSON: Bool) { self.isJSON = isJSON }

  /// - Returns: `false` when standard output takes no more.
  func write(_ records: [LogRecord]) -> Bool {
    if isJSON { return Terminal.bytes(Array(records.map(json).joined().utf8)) }
    if isTerminal { return Terminal.bytes(Array(records.map { LogText.printable($0) }.joined().utf8)) }
    return Terminal.bytes(records.flatMap { LogText.bytes($0) })
  }

  private func json(_ record: LogRecord) -> String {
    count += 1
    // One record a line.
    let entry = LogEntry(record)
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

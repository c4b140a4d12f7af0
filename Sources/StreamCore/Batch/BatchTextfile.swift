/// What a batch came to, for Prometheus: a file that node_exporter's textfile collector reads. It is replaced as a whole.
/// Source: Prometheus' exposition formats, text-based; node_exporter's README on the textfile collector.
public enum BatchTextfile {
  /// Writes the file, mode 0644: node_exporter is another user.
  /// - Throws: `SystemError` or `OutputError`.
  public static func write(_ summary: BatchSummary, status: ExitStatus, time: Int64, to path: String) throws {
    let parts = path.utf8.split(separator: UInt8(ascii: "/"))
    guard let name = parts.last.flatMap({ String($0) }) else {
      throw OutputError.cannotCreate(SystemError(call: "open", path: path, code: 2))
    }
    let place: OutputPlace
    do throws(SystemError) { place = try OutputPlace(path: PathText.parent(of: path) ?? ".") } catch {
      throw OutputError.cannotCreate(error)
    }
    let file = try OutputFile(name, in: place)
    try file.write(Array(text(summary, status: status, time: time).utf8), at: 0)
    try file.letEverybodyRead()
    try file.sync()
    try file.commit(force: true)
  }

  /// - Parameter time: when the run ended, seconds since 1970.
  static func text(_ summary: BatchSummary, status: ExitStatus, time: Int64) -> String {
    var text = ""
    func metric(_ name: String, _ help: String, _ samples: [(label: String, value: String)]) {
      text += "# HELP vmcs_split_batch_\(name) \(help)\n# TYPE vmcs_split_batch_\(name) gauge\n"
      for sample in samples { text += "vmcs_split_batch_\(name)\(sample.label) \(sample.value)\n" }
    }
    func metric(_ name: String, _ help: String, _ value: some CustomStringConvertible) {
      metric(name, help, [("", "\(value)")])
    }
    let new = summary.dumps.filter(\.isNew)
    let failures = summary.counts.filter { BatchResult.Outcome(rawValue: $0.outcome).map(isFailure) ?? false }
    let others = summary.counts.filter { BatchResult.Outcome(rawValue: $0.outcome).map { !isFailure($0) } ?? false }
    metric(
      "dumps", "Dumps among the sources by how they came out, this time or before.",
      (others + [("duplicate", summary.duplicates)]).map { ("{outcome=\"\($0.0)\"}", "\($0.1)") })
    metric(
      "failures", "Dumps among the sources that failed, by reason.",
      failures.map { ("{reason=\"\($0.outcome)\"}", "\($0.count)") })
    metric("unread_sources", "Sources that could not be looked through.", summary.unread.count)
    metric("guests", "Guests of these dumps.", summary.guests)
    metric("written_guests", "Guests with a dump of their own.", summary.written)
    metric("output_bytes", "Size of the guests' dumps.", summary.bytes)
    metric("new_dumps", "Dumps that were worked on in this run.", new.count)
    metric("new_guests", "Guests of the dumps of this run.", new.reduce(0) { $0 + ($1.guests ?? 0) })
    metric("new_output_bytes", "Size of the guests' dumps of this run.", new.reduce(0) { $0 &+ ($1.bytes ?? 0) })
    metric("run_seconds", "How long this run took.", summary.seconds)
    metric("exit_status", "The exit status of this run.", status.code)
    metric("end_timestamp_seconds", "When this run ended, seconds since 1970.", time)
    return text
  }

  private static func isFailure(_ outcome: BatchResult.Outcome) -> Bool {
    [.unusableInput, .ioFailed].contains(outcome.status)
  }
}

import StreamCore

/// What a person reads of a batch: a line for each dump on standard error, a table on standard output.
struct BatchReport: Sendable {
  let output: String
  /// Also what was done before, and files that are no dumps.
  let isVerbose: Bool

  func tell(_ note: BatchNote) {
    switch note {
    case .ended(let dump, _, _):
      guard dump.isNew || isVerbose else { return }
      Terminal.error(line(dump))
    case .again(let path, let reason): Terminal.error("\(PathText.printable(path)): will be tried again: \(reason)")
    case .waitsForRoom(let path, let reason):
      Terminal.error("\(PathText.printable(path)): waits for room, the disk is full: \(reason)")
    case .waitsForOther(let path):
      Terminal.error("\(PathText.printable(path)): another run works on it, and is waited for")
    }
  }

  func print(_ summary: BatchSummary) {
    var table = Table(["DUMP", "OUTCOME", "GUESTS", "SIZE", "SECONDS", "WHERE"], rightAligned: [2, 3, 4])
    let new = Set(summary.dumps.filter(\.isNew).map(\.path))
    let done = summary.dumps.filter { !$0.hasFailed && (isVerbose || new.contains($0.duplicateOf ?? $0.path)) }
    for dump in done {
      let isCopy = dump.duplicateOf != nil
      table.add([
        name(dump), words(dump.outcome), isCopy ? "-" : dump.guests.map { "\($0)" } ?? "-",
        isCopy ? "-" : dump.bytes.map { Size.text($0) } ?? "-", seconds(dump.seconds),
        dump.duplicateOf.map { "same as \(PathText.printable($0))" } ?? dump.directory ?? "-",
      ])
    }
    if !done.isEmpty { Terminal.out(table.text(width: Terminal.outputWidth) + "\n") }
    let failed = summary.dumps.filter(\.hasFailed)
    for dump in failed { Terminal.out(line(dump) + "\n") }
    if !failed.isEmpty { Terminal.out("\n") }
    for other in summary.unread { Terminal.out("not looked through: \(other.path): \(other.why)\n") }
    if isVerbose { for other in summary.others { Terminal.out("no dump: \(other.path): \(other.why)\n") } }
    Terminal.out(closing(summary))
  }

  private func line(_ dump: BatchSummary.Dump) -> String {
    let copy = dump.duplicateOf.map { ", as \(PathText.printable($0))" } ?? ""
    let reason = dump.reason.map { ": \($0)" } ?? ""
    return name(dump) + ": " + words(dump.outcome) + copy + reason
  }

  private func name(_ dump: BatchSummary.Dump) -> String {
    let others = (dump.files?.count ?? 1) - 1
    return PathText.printable(dump.path) + (others > 0 ? " and \(others) more" : "")
  }

  private func closing(_ summary: BatchSummary) -> String {
    let new = summary.originals.filter(\.isNew).count
    var parts = summary.counts.filter { $0.count > 0 }.map { "\($0.count) \(words($0.outcome))" }
    if summary.duplicates > 0 { parts.append("\(summary.duplicates) of the same content as another") }
    if summary.older > 0 { parts.append("\(summary.older) older") }
    if summary.ofOtherShards > 0 { parts.append("\(summary.ofOtherShards) of other shards") }
    if !summary.others.isEmpty { parts.append("\(summary.others.count) other files") }
    let all = parts.isEmpty ? "no dump" : parts.joined(separator: ", ")
    return "\(all); \(new) worked on in this run\n\(summary.guests) guests, \(summary.written) of them in "
      + "\(Size.text(summary.bytes)) below \(PathText.printable(output))\n"
  }

  private func words(_ outcome: String) -> String { outcome.split(separator: "_").joined(separator: " ") }

  private func seconds(_ seconds: Double?) -> String {
    guard let seconds else { return "-" }
    let tenths = UInt64(max(0, min(seconds, 1e9)) * 10)
    return "\(tenths / 10).\(tenths % 10)"
  }
}

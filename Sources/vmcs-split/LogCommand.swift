import ArgumentParser
import StreamCore

struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Print the kernel log of the host, of a guest, or of all on one clock.",
    discussion: """
      As 'makedumpfile --dump-dmesg' prints it, byte for byte; on a terminal what would move its cursor is shown as \
      "\\x1b". A guest's log is the guest's word. Ends with 1 when there is none, or some of it cannot be read.
      """)

  @OptionGroup var common: CommonOptions

  @Option(
    help: ArgumentHelp(
      "The guest, by number, name, PID of its VMM or UUID; with --merge it may be given again.", valueName: "guest"))
  var guest: [String] = []

  @Flag(
    help: "The logs of the host and of its guests (all, or those that --guest names) line by line, by the host's clock."
  )
  var merge = false

  func validate() throws {
    if guest.count > 1 && !merge { throw ValidationError("log prints one guest's log, or several with --merge") }
  }

  func run() throws {
    try runCommand(common) { workers, progress in
      let options = try common.inspection(.list, workers, progress)
      let output = LogOutput(isJSON: common.json)
      if merge {
        let inspection = try Inspection.run(paths: common.dumps, options)
        return try end(output, try inspection.mergedLogs(guest, began: say) { output.write($0) })
      }
      let losses: [String]
      if let guest = guest.first {
        let inspection = try Inspection.run(paths: common.dumps, options)
        losses = try inspection.log(of: guest) { output.write($0) }
      } else {
        losses = try Inspection.hostLog(paths: common.dumps, options) { output.write($0) }
      }
      return try end(output, losses.map { "\(guest.first ?? "the host"): its log is not whole: \($0)" })
    }
  }

  private func say(_ sources: [LogSource]) {
    guard !common.quiet else { return }
    for source in sources {
      guard let note = source.note else { continue }
      Terminal.error("\(source.name): \(note)")
    }
  }

  private func end(_ output: LogOutput, _ losses: [String]) throws -> ExitStatus {
    try output.end(losses)
    for loss in losses { Terminal.error("vmcs-split: \(loss)") }
    return losses.isEmpty ? .complete : .incomplete
  }
}

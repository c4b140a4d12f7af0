import ArgumentParser
import StreamCore

struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Print the kernel log of the host, or of a guest.",
    discussion: """
      As 'makedumpfile --dump-dmesg' prints it, byte for byte; on a terminal what would move its cursor is shown as \
      "\\x1b". A guest's log is the guest's word. Ends with 1 when there is none, or some of it cannot be read.
      """)

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("The guest, by number, name, PID of its VMM or UUID.", valueName: "guest"))
  var guest: String?

  func run() throws {
    try runCommand(common) { workers, progress in
      let path = try Inspection.single(of: common.dumps)
      let options = try common.inspection(.list, workers, progress)
      let output = LogOutput(isJSON: common.json)
      let losses: [String]
      if let guest {
        let inspection = try Inspection.run(path: path, options)
        losses = try inspection.log(of: guest) { output.write($0) }
      } else {
        losses = try Inspection.hostLog(path: path, options) { output.write($0) }
      }
      try output.end(losses)
      return report(losses)
    }
  }

  private func report(_ losses: [String]) -> ExitStatus {
    for loss in losses { Terminal.error("vmcs-split: \(guest ?? "the host"): its log is not whole: \(loss)") }
    return losses.isEmpty ? .complete : .incomplete
  }
}

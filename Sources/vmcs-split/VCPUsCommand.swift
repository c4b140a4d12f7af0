import ArgumentParser
import StreamCore

struct VCPUsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vcpus", abstract: "Show what each vCPU did when the host stopped, and why it did not run.",
    discussion: """
      Reads the host's scheduler: threads, run queues, control groups. Names suspects only where a thread stood still for \
      a second or more and not of its own will. Works in full on dumps without guest memory (makedumpfile -d 31). -v: also \
      the other threads of each VMM, wait channels and quotas.
      """)

  @OptionGroup var common: CommonOptions

  func run() throws {
    ProcessMemory.useOneArena()
    try runCommand(common) { workers, progress in
      let inspection = try Inspection.run(
        paths: common.dumps, try common.inspection(.list, workers, progress))
      let report = try inspection.stalls()
      try StallText(report, common).printAll()
      return report.exitStatus
    }
  }
}

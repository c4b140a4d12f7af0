import ArgumentParser
import StreamCore

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Show the guests of a host dump and what their vCPUs were doing.",
    discussion: "Works in full on dumps without guest memory (makedumpfile -d 31). Ends with 0 when nothing is missing."
  )

  @OptionGroup var common: CommonOptions

  func run() throws {
    ProcessMemory.useOneArena()
    try runCommand(common) { workers, progress in
      let inspection = try Inspection.run(
        paths: common.dumps, try common.inspection(.list, workers, progress))
      let manifest = inspection.manifest()
      try Report(manifest, of: inspection, common).printList()
      return manifest.exitStatus
    }
  }
}

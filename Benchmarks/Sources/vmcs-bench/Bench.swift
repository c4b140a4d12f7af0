import ArgumentParser
import Foundation

@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vmcs-bench",
    abstract: "Measures the built vmcs-split against libkdumpfile, cp, makedumpfile and the codec libraries.",
    discussion: "Prints ratios and medians, and writes them to Results/<date>-<commit>[-<race>...].md.")

  @Option(help: "The vmcs-split to measure. (default: ../.build/release/vmcs-split beside this package)")
  var program: String?

  @Option(help: "The directory of real host dumps. (default: the environment's VMCS_SPLIT_DUMPS)")
  var dumps: String?

  @Option(help: "Outputs go under this directory, and away again. (default: .build/scratch of this package)")
  var scratch: String?

  @Option(help: "Where the results go. (default: Results of this package)")
  var results: String?

  @Option(help: "How many rounds count.")
  var rounds = 5

  @Option(
    help: """
      What to measure, again for more: haswell (the real host), generated (a host of 4 GiB), described (one whose \
      kernel describes itself), amd (AMD hosts), growth, transcode, python (Volatility 3 and a Python copy), \
      scale (a host of 1 TiB). (default: all but scale)
      """)
  var race: [RaceKind] = []

  /// The package that this file was built from.
  private var package: URL {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  }

  func validate() throws {
    guard (1...1000).contains(rounds) else { throw ValidationError("--rounds: 1 to 1000") }
  }

  func run() throws {
    let report = try measure()
    try write(report, to: url(results, or: package.appending(path: "Results")))
    print(report.text, terminator: "")
  }

  private func measure() throws -> Report {
    let repository = package.deletingLastPathComponent()
    let dumps = (dumps ?? ProcessInfo.processInfo.environment["VMCS_SPLIT_DUMPS"]).map { URL(filePath: $0) }
    let scratch = url(scratch, or: package.appending(path: ".build/scratch"))
    let workspace = try Workspace(in: scratch)
    defer { workspace.remove() }

    let programs = try Programs(
      program: url(program, or: repository.appending(path: ".build/release/vmcs-split")), package: package,
      workspace: workspace)
    let circumstances = Circumstances(
      repository: repository, programs: programs, rounds: rounds, workspace: workspace)
    let runner = Runner(workspace: workspace, sync: programs.sync, report: say)
    let races = Races(programs: programs, workspace: workspace, runner: runner, rounds: rounds)
    let kinds = race.isEmpty ? RaceKind.allCases.filter { $0 != .scale } : race
    let sections = try kinds.flatMap { try races.run($0, dumps: dumps) }
    return Report(circumstances: circumstances, sections: sections, races: race.map(\.rawValue))
  }

  private func write(_ report: Report, to directory: URL) throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let file = directory.appending(path: report.fileName)
    try Data(report.text.utf8).write(to: file, options: .atomic)
    say("written to \(file.path)")
  }

  private func url(_ path: String?, or standard: URL) -> URL {
    path.map { URL(filePath: $0).absoluteURL.standardizedFileURL } ?? standard
  }

  private func say(_ text: String) {
    FileHandle.standardError.write(Data("vmcs-bench: \(text)\n".utf8))
  }
}

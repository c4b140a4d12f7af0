import ArgumentParser
import StreamCore

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read outputs again, every page of them, and say what is wrong.",
    discussion: """
      Of a directory that split or batch wrote: each file's size, checksum (split --checksum), pages and their counts are \
      held against the manifest, and files that are missing, or that it does not name, are told. Of a single kdump or ELF \
      core, whoever wrote it: every page is decoded. Ends with 0 when nothing is wrong, with 1 when something is.
      """)

  @Argument(help: ArgumentHelp("Output directories, directories of such, or dumps.", valueName: "path"))
  var paths: [String]

  @Option(help: ArgumentHelp("Worker threads (default: the machine's cores).", valueName: "n"))
  var threads: Int = CommonOptions.cores

  @Flag(help: "Print one JSON document, and nothing else on standard output.")
  var json = false

  @Flag(name: .shortAndLong, help: "No table; what is wrong is told all the same.")
  var quiet = false

  func validate() throws {
    guard (1...1024).contains(threads) else { throw ValidationError("--threads takes 1 to 1024, not \(threads)") }
  }

  func run() throws {
    do {
      let workers = Workers(count: threads, cancellation: Cancellation(followsSignals: true))
      var verification = Verification()
      for path in paths { verification.files += try Verification.run(path: path, workers).files }
      tell(verification)
      if json { Terminal.document(String(decoding: try verification.json(), as: UTF8.self)) }
      if !verification.isRight { throw ExitCode(verification.exitStatus.code) }
    } catch {
      throw report(error)
    }
  }

  private func tell(_ verification: Verification) {
    var table = Table(["FILE", "FORMAT", "PAGES", "SIZE", "CHECKSUM", "WRONG"], rightAligned: [2, 3, 5])
    for file in verification.files {
      table.add([
        PathText.printable(file.path), file.format ?? "-", file.pages.map { "\($0)" } ?? "-",
        file.bytes.map { Size.text($0) } ?? "-", file.hasChecksum ? "right" : "-", "\(file.wrong.count)",
      ])
    }
    if !json && !quiet { Terminal.out(table.text(width: Terminal.outputWidth)) }
    for file in verification.files {
      for line in file.wrong { Terminal.error("\(PathText.printable(file.path)): \(line)") }
    }
  }
}

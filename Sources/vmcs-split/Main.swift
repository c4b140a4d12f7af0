import ArgumentParser
import CProcess
import StreamCore

/// Where the program begins and ends: arguments in, an exit status out.
@main
struct Main {
  static func main() {
    ProcessSurroundings.settle()
    cprocess_settle_memory()
    Terminal.exit(run(ProcessArguments.all))
  }

  private static func run(_ arguments: [String]) -> Int32 {
    do {
      var command = try VMCSSplitCommand.parseAsRoot(arguments)
      try command.run()
      return ExitStatus.complete.code
    } catch {
      let status = VMCSSplitCommand.exitCode(for: error).rawValue
      let text = VMCSSplitCommand.fullMessage(for: error)
      if status == ExitStatus.complete.code {
        Terminal.document(text + "\n")
      } else if !text.isEmpty {
        Terminal.complaint(text + (meant(arguments).map { "\n\($0)" } ?? ""))
      }
      return status
    }
  }

  /// What the user may have meant by a command that is none.
  private static func meant(_ arguments: [String]) -> String? {
    guard let word = arguments.first, !word.hasPrefix("-") else { return nil }
    let known = VMCSSplitCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
    guard !known.contains(word), let nearest = known.min(by: { distance($0, word) < distance($1, word) }),
      distance(nearest, word) <= 2
    else { return nil }
    return "Did you mean '\(nearest)'?"
  }

  /// Letters to insert, drop or change on the way from one word to the other; no word here is long.
  private static func distance(_ one: String, _ other: String) -> Int {
    let other = Array(other.utf8.prefix(32))
    var row = Array(0...other.count)
    for (index, letter) in one.utf8.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in 0..<other.count {
        let change = diagonal + (other[column] == letter ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(change, diagonal + 1, row[column] + 1)
      }
    }
    return row[other.count]
  }
}

import Foundation

/// What a race gave: for each contender one sample a round.
struct Outcome: Sendable {
  let race: Race
  /// By contender; all of one length.
  var samples: [String: [Sample]] = [:]
  /// What contenders said that the results quote.
  var quotes: [String: String] = [:]

  /// Round by round, the sum over the named contenders.
  /// - Returns: nil when one of them was skipped.
  func sums(_ names: [String]) -> [Sample]? {
    var sums: [Sample] = []
    for name in names {
      guard let values = samples[name] else { return nil }
      sums = sums.isEmpty ? values : zip(sums, values).map { $0 + $1 }
    }
    return sums
  }
}

/// Measures in turns: A B C, A B C, … so that a slow minute of the machine hits all contenders of a round.
struct Runner {
  let workspace: Workspace
  let sync: String
  /// Told what is under way.
  let report: (String) -> Void

  /// One round that warms the page cache and is not counted, then `rounds` that are.
  func run(_ race: Race, rounds: Int) throws -> Outcome {
    var outcome = Outcome(race: race)
    for case .skipped(let name, let reason) in race.entries {
      report("\(race.title): \(name) skipped: \(reason)")
    }
    for round in 0...rounds {
      report("\(race.title): " + (round == 0 ? "warm-up" : "round \(round) of \(rounds)"))
      for case .ready(let contender) in race.entries {
        let (sample, said) = try measure(contender)
        guard round > 0 else { continue }
        outcome.samples[contender.name, default: []].append(sample)
        if case .text(quoted: true) = contender.product { outcome.quotes[contender.name] = said }
      }
    }
    return outcome
  }

  private func measure(_ contender: Contender) throws -> (Sample, String) {
    var directory: URL?
    if case .files(let name, _) = contender.product { directory = try workspace.empty(name) }
    // What is still to be written belongs to the contender before.
    _ = try workspace.run(Command(program: sync, arguments: ["-f", workspace.root.path]), for: "sync")
    var total = Sample.zero
    var said: [String] = []
    for command in contender.commands {
      let (sample, output) = try workspace.run(command, for: contender.name, isWatched: contender.isWatched)
      total = total + sample
      said.append(output)
    }
    let text = said.joined(separator: "\n")
    try check(contender, said: text)
    if let directory { try FileManager.default.removeItem(at: directory) }
    return (total, text)
  }

  private func check(_ contender: Contender, said: String) throws {
    guard case .files(let name, let sizes) = contender.product else {
      if said.isEmpty { throw BenchError.noOutput(contender: contender.name, what: "its text") }
      return
    }
    let files = try Workspace.files(in: workspace.directory(name))
    let found = Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0.size) })
    for file in Set(sizes.keys).union(found.keys).sorted() {
      guard let expected = sizes[file] else {
        throw BenchError.unexpectedOutput(contender: contender.name, file: file)
      }
      guard let size = found[file], size > 0 else { throw BenchError.noOutput(contender: contender.name, what: file) }
      if let expected, expected != size {
        throw BenchError.otherOutput(contender: contender.name, file: file, expected: expected, found: size)
      }
    }
  }
}

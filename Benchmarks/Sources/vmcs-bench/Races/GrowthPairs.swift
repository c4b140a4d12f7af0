import Foundation

/// `list` and `split` of two hosts that differ in one thing, in turns: what growth costs.
struct GrowthPairs {
  let programs: Programs
  let workspace: Workspace
  let runner: Runner
  let rounds: Int

  private struct Pair {
    let title: String
    let over: HostOrder
    let under: HostOrder
  }

  private static let pairs = ["huge", "shuffled"].flatMap { backing in
    let host = { HostOrder(gigabytes: $0, guests: $1, backing: backing) }
    return [
      Pair(title: "4 ÷ 1 GiB, 8 guests, \(backing)", over: host(4, 8), under: host(1, 8)),
      Pair(title: "16 ÷ 4 GiB, 8 guests, \(backing)", over: host(16, 8), under: host(4, 8)),
      Pair(title: "64 ÷ 1 guest, 4 GiB, \(backing)", over: host(4, 64), under: host(4, 1)),
    ]
  }

  func run() throws -> Section {
    var table = MarkdownTable(
      header: [
        "growth", "list wall", "(spread)", "list CPU", "(spread)", "split wall", "(spread)", "split CPU", "(spread)",
      ])
    for pair in Self.pairs {
      let outcome = try measure(pair)
      table.rows.append(
        [pair.title]
          + ["list", "split"].flatMap { verb in
            OutcomeSection.figures(
              Comparison(title: verb, over: ["\(verb) over"], under: ["\(verb) under"]), in: outcome)
          })
    }
    return Section(
      title: "growth",
      parts: [
        table.text,
        """
        - Both hosts are measured in turns: the median of the rounds' own ratios. Made by `host-maker`, LZO, guests own
          three quarters of the host and have 2 vCPUs each, so that 64 guests have 128.
        """,
      ])
  }

  private func measure(_ pair: Pair) throws -> Outcome {
    try pair.over.with(programs, workspace, name: "over") { over in
      try pair.under.with(programs, workspace, name: "under") { under in
        for input in [over, under] { try input.readIn(programs, workspace) }
        let entries = try [("over", over), ("under", under)].flatMap { try contenders($0, $1) }
        return try runner.run(Race(title: pair.title, facts: [], entries: entries, comparisons: []), rounds: rounds)
      }
    }
  }

  private func contenders(_ name: String, _ input: InputDump) throws -> [Entry] {
    let reference = try workspace.empty("reference")
    _ = try workspace.run(split(input, into: reference), for: "split")
    let written = try Workspace.files(in: reference)
    try FileManager.default.removeItem(at: reference)
    let list = Command(program: programs.vmcsSplit, arguments: ["list", input.path])
    return [
      entry("list \(name)", list, .text(quoted: false)),
      entry(
        "split \(name)", split(input, into: workspace.directory("split")), .guests(directory: "split", written)),
    ]
  }

  private func split(_ input: InputDump, into directory: URL) -> Command {
    Command(program: programs.vmcsSplit, arguments: ["split", input.path, "--output", directory.path])
  }

  private func entry(_ name: String, _ command: Command, _ product: Contender.Product) -> Entry {
    .ready(Contender(name: name, meaning: name, commands: [command], product: product))
  }
}

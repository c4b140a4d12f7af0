import Foundation

/// `list` of a host of 1 TiB with 64 guests whose kernel describes itself, as a sparse dump: all bitmaps and descriptors,
/// little data. Beside it `list --scan`, which looks at every page and counts those of the guests.
struct ScaleRace {
  let programs: Programs
  let workspace: Workspace
  let runner: Runner
  let rounds: Int

  private static let order = HostOrder(
    gigabytes: 1024, guests: 64, backing: "half", guestSize: "928G", sharesData: true, describes: true)
  private static let diskSpeed = 2e9

  func run() throws -> Section {
    try Self.order.with(programs, workspace) { input in
      let contenders = DescribedRace.contenders(input, programs, isWatched: true)
      let race = Race(title: Self.order.title, facts: [], entries: contenders.map { .ready($0) }, comparisons: [])
      let samples = try runner.run(race, rounds: rounds).samples
      let tables = try contenders.map { contender in
        let command = Command(
          program: programs.vmcsSplit, arguments: (contender.commands.first?.arguments ?? []) + ["--json"])
        let counters = RunCounters.parse(try workspace.run(command, for: "counters").output)
        return table(contender.name, samples[contender.name] ?? [], counters).text
      }
      return Section(
        title: "scale: \(Self.order.title)",
        parts: tables + [
          """
          - \(input.origin); the file has \(try input.size()) bytes.
          - Guests own 928 GiB; their EPT pages and descriptors are all distinct, ordinary pages share stored pages.
          - Requested: the sum of the `bytes_…` counters of `list --json`.
          """
        ])
    }
  }

  private func table(_ name: String, _ samples: [Sample], _ counters: [String: Int]) -> MarkdownTable {
    let requested = Double(RunCounters.requested(counters))
    var table = MarkdownTable(header: ["vmcs-split \(name)", "median", "smallest", "largest"])
    func add(_ name: String, _ places: Int, _ values: [Double]) {
      guard let spread = Spread(of: values) else { return }
      table.rows.append([name] + [spread.median, spread.smallest, spread.largest].map { Report.digits($0, places) })
    }
    add("wall s", 1, samples.map(\.wall))
    add("CPU s", 1, samples.map(\.cpu))
    add("peak RssAnon MiB (sampled)", 1, samples.map { Double($0.maxAnon) / 1048576 })
    add("peak RSS MiB (mapped file pages too)", 1, samples.map { Double($0.maxRSS) / 1048576 })
    add("requested GB", 2, [requested / 1e9])
    add("requested at 2 GB/s, s", 1, [requested / Self.diskSpeed])
    add("EPT tables", 0, [Double(counters["ept_tables"] ?? 0)])
    add("EPT leaves", 0, [Double(counters["ept_leaves"] ?? 0)])
    return table
  }
}

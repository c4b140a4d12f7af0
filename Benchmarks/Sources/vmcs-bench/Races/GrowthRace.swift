import Foundation

/// Our own tool on hosts that grow: what it takes by the host's size, the number of guests, their backing, threads and
/// memory. One input lies on disk at a time, so inputs are not measured in turns; `GrowthPairs` does that.
struct GrowthRace {
  let programs: Programs
  let workspace: Workspace
  let runner: Runner
  let rounds: Int

  private static let list = "list"
  private static let split = "split"
  private static let oneThread = "split --threads 1"
  private static let little = "split --memory 64M"
  private static let cold = "split, cold file"
  private static let names = [list, split, oneThread, little, cold]

  private static let orders: [HostOrder] = ["huge", "shuffled"].flatMap { backing in
    [(1, 8), (4, 8), (16, 8), (4, 1), (4, 64)].map { size, guests in
      HostOrder(gigabytes: size, guests: guests, backing: backing)
    }
  }

  /// What one input gave.
  private struct Growth {
    let order: HostOrder
    /// Bytes of the input.
    let size: Int
    let outcome: Outcome
    /// Counters by contender.
    let counters: [String: [String: Int]]
    /// By contender: what it may request, structures apart.
    let allowed: [String: Int]

    func ratioToAllowed(_ name: String, _ counters: [String: Int]) -> String? {
      allowed[name].map { Report.digits(Double(RunCounters.requestedApart(counters)) / Double($0), 3) }
    }
  }

  func run() throws -> Section {
    let growths = try Self.orders.map { order in
      try order.with(programs, workspace) { input in try grow(order, input) }
    }
    return Section(
      title: "growing hosts",
      parts: [
        figures(growths).text,
        """
        - Made by `host-maker`, LZO, guests own three quarters of the host. One input after the other.
        - RssAnon: the largest of all rounds, sampled. The default of --memory is 256M. Index: one bit a frame.
        - Cold file: the input is dropped from the page cache before (`dd iflag=nocache count=0`). Read: what the block
          layer read (`ru_inblock`).
        - Requested: the sum of the `bytes_…` counters. Allowed: headers and bitmaps, 24 bytes a descriptor and heads of
          at most 128 bytes; for `split` also 24 bytes and the stored bytes of each guest page. Pages of EPT, KVM and the
          guests' identity (`bytes_structures`, `bytes_maps`) stand on neither side.
        - Windows: the counter `extract_windows`, where the program has it.
        - Of each host the output of `--memory 64M` is the default's byte for byte (`cmp`), or the run ends.
        """,
      ])
  }

  private func grow(_ order: HostOrder, _ input: InputDump) throws -> Growth {
    let reference = try workspace.empty("reference")
    let other = try workspace.empty("other")
    defer {
      try? FileManager.default.removeItem(at: reference)
      try? FileManager.default.removeItem(at: other)
    }
    var counters: [String: [String: Int]] = [:]
    counters[Self.list] = try self.counters(["list", input.path])
    counters[Self.split] = try self.counters(["split", input.path, "--output", reference.path])
    counters[Self.little] = try self.counters(["split", input.path, "--output", other.path, "--memory", "64M"])
    let written = try Workspace.files(in: reference)
    for file in written where file.name != "manifest.json" {
      let pair = [reference, other].map { $0.appending(path: file.name).path }
      _ = try workspace.run(Command(program: programs.cmp, arguments: pair), for: "split --memory 64M")
    }
    let host = try KdumpFacts(path: input.path)
    let guests = try written.filter { $0.name != "manifest.json" }.reduce(0) { sum, file in
      sum + (try KdumpFacts(path: reference.appending(path: file.name).path).pages)
    }
    let allowed = [Self.list: host.list, Self.split: host.list + guests, Self.little: host.list + guests]
    try FileManager.default.removeItem(at: reference)
    try FileManager.default.removeItem(at: other)
    let race = Race(
      title: order.title, facts: [],
      entries: [
        contender(Self.list, ["list", input.path], .text(quoted: false)),
        split(Self.split, input, [], written), split(Self.oneThread, input, ["--threads", "1"], written),
        split(Self.little, input, ["--memory", "64M"], written), coldSplit(input, written),
      ], comparisons: [])
    return Growth(
      order: order, size: try input.size(), outcome: try runner.run(race, rounds: rounds), counters: counters,
      allowed: allowed)
  }

  private func split(
    _ name: String, _ input: InputDump, _ options: [String], _ written: [(name: String, size: Int)]
  ) -> Entry {
    let directory = workspace.directory("split")
    return contender(
      name, ["split", input.path, "--output", directory.path] + options, .guests(directory: "split", written))
  }

  /// What it reads from the disk; `dd` without blocks only advises the kernel to let go of the file.
  private func coldSplit(_ input: InputDump, _ written: [(name: String, size: Int)]) -> Entry {
    let directory = workspace.directory("split")
    let drop = Command(
      program: programs.dd, arguments: ["if=\(input.path)", "iflag=nocache", "count=0", "status=none"])
    let split = Command(program: programs.vmcsSplit, arguments: ["split", input.path, "--output", directory.path])
    return .ready(
      Contender(
        name: Self.cold, meaning: Self.cold, commands: [drop, split], product: .guests(directory: "split", written),
        isWatched: true))
  }

  private func contender(_ name: String, _ arguments: [String], _ product: Contender.Product) -> Entry {
    .ready(
      Contender(
        name: name, meaning: name, commands: [Command(program: programs.vmcsSplit, arguments: arguments)],
        product: product, isWatched: true))
  }

  private func counters(_ arguments: [String]) throws -> [String: Int] {
    let command = Command(program: programs.vmcsSplit, arguments: arguments + ["--json"])
    return RunCounters.parse(try workspace.run(command, for: "counters").output)
  }

  private func figures(_ growths: [Growth]) -> MarkdownTable {
    var table = MarkdownTable(
      header: [
        "GiB, guests, backing", "", "wall ms", "CPU ms", "RssAnon MiB", "index MiB", "requested MB", "÷ allowed",
        "read MB",
        "read ÷ file", "windows",
      ])
    for growth in growths {
      for name in Self.names {
        let samples = growth.outcome.samples[name] ?? []
        let times = [\Sample.wall, \Sample.cpu].map { measure in
          Spread(of: samples.map { $0[keyPath: measure] }).map { Report.digits($0.median * 1000, 0) } ?? ""
        }
        let anon = Double(samples.map(\.maxAnon).max() ?? 0) / 1048576
        let counters = growth.counters[name]
        let read = name == Self.cold ? Spread(of: samples.map { Double($0.readBytes) })?.median : nil
        table.rows.append(
          ["\(growth.order.gigabytes), \(growth.order.guests), \(growth.order.backing)", name] + times + [
            Report.digits(anon, 1), Report.digits(Double(growth.order.gigabytes) / 32, 2),
            counters.map { Report.digits(Double(RunCounters.requested($0)) / 1e6, 1) } ?? "",
            counters.flatMap { growth.ratioToAllowed(name, $0) } ?? "",
            read.map { Report.digits($0 / 1e6, 1) } ?? "",
            read.map { Report.ratio($0 / Double(growth.size)) } ?? "",
            counters?["extract_windows"].map { "\($0)" } ?? "",
          ])
      }
    }
    return table
  }
}

/// The `counters` of the JSON that `list` and `split` print.
enum RunCounters {
  private struct Document: Decodable { var counters: [String: Int] }

  static func parse(_ text: String) -> [String: Int] {
    (try? JSONDecoder().decode(Document.self, from: Data(text.utf8)))?.counters ?? [:]
  }

  /// Without the pages that are counted apart: EPT's, those of it read again, KVM's and a guest's identity's.
  static func requestedApart(_ counters: [String: Int]) -> Int {
    requested(counters) - ["bytes_structures", "bytes_maps"].reduce(0) { $0 + (counters[$1] ?? 0) }
  }

  /// Bytes asked of the input, by all ways.
  static func requested(_ counters: [String: Int]) -> Int {
    counters.filter { $0.key.hasPrefix("bytes_") }.reduce(0) { $0 + $1.value }
  }
}

import ArgumentParser
import Foundation

/// What can be measured, in the order of the results.
enum RaceKind: String, CaseIterable, ExpressibleByArgument, Sendable {
  case haswell, generated, described, amd, growth, transcode, python, scale
}

/// Runs the races of a kind. One input lies in the scratch directory at a time, or two that are measured in turns.
struct Races {
  let programs: Programs
  let workspace: Workspace
  let runner: Runner
  let rounds: Int

  /// - Parameter dumps: the directory of real host dumps, which `haswell` and `amd` need.
  func run(_ kind: RaceKind, dumps: URL?) throws -> [Section] {
    switch kind {
    case .haswell: return try real("haswell", dumps)
    case .generated:
      return try ["lzo", "snappy", "zlib", "zstd"].map { codec in
        try HostOrder(gigabytes: 4, codec: codec).with(programs, workspace, peers)
      }
    case .described: return [try described(HostOrder(gigabytes: 4, describes: true))]
    case .amd:
      let generated = try ["lzo", "zlib"].map { codec in
        try HostOrder(gigabytes: 4, codec: codec, isAMD: true).with(programs, workspace, peers)
      }
      let described = try described(HostOrder(gigabytes: 4, describes: true, isAMD: true))
      return try real("amd", dumps) + generated + [described]
    case .growth:
      return [
        try GrowthPairs(programs: programs, workspace: workspace, runner: runner, rounds: rounds).run(),
        try GrowthRace(programs: programs, workspace: workspace, runner: runner, rounds: min(rounds, 3)).run(),
      ]
    case .transcode:
      return try ["lzo", "zlib"].flatMap { codec in
        try HostOrder(gigabytes: 4, codec: codec).with(programs, workspace, transcoding)
      }
    case .python:
      let image = workspace.root.appending(path: "image").path
      return try HostOrder(gigabytes: 1).with(programs, workspace, image: image) { input in
        let race = PythonRace(input: input, image: image, programs: programs, workspace: workspace)
        return [section(try runner.run(try race.prepare(), rounds: rounds))]
      }
    case .scale:
      return [try ScaleRace(programs: programs, workspace: workspace, runner: runner, rounds: min(rounds, 3)).run()]
    }
  }

  /// - Parameter host: of the real hosts.
  private func real(_ host: String, _ dumps: URL?) throws -> [Section] {
    guard let dumps else {
      throw BenchError.missing(what: "the directory of host dumps", advice: "give --dumps or set VMCS_SPLIT_DUMPS")
    }
    return try realDumps.filter { $0.host == host }.map { dump in
      let path = "\(dump.host)/\(dump.file)"
      let input = InputDump(
        title: "\(dump.host), \(dump.codec)", codec: dump.codec, origin: "`\(path)`",
        path: dumps.appending(path: path).path)
      return try peers(input)
    }
  }

  private func described(_ order: HostOrder) throws -> Section {
    try order.with(programs, workspace) { input in
      try input.readIn(programs, workspace)
      let race = DescribedRace(input: input, programs: programs)
      return section(try runner.run(race.prepare(), rounds: rounds))
    }
  }

  private func peers(_ input: InputDump) throws -> Section {
    try input.readIn(programs, workspace)
    let race = HostRace(input: input, programs: programs, workspace: workspace)
    return section(try runner.run(try race.prepare(), rounds: rounds))
  }

  private func transcoding(_ input: InputDump) throws -> [Section] {
    try input.readIn(programs, workspace)
    var sections: [Section] = []
    try TranscodingRace(input: input, programs: programs, workspace: workspace).forEach { race in
      sections.append(section(try runner.run(race, rounds: rounds)))
    }
    return sections
  }

  private func section(_ outcome: Outcome) -> Section {
    OutcomeSection(ownPeak: Circumstances.ownPeak).section(outcome)
  }
}

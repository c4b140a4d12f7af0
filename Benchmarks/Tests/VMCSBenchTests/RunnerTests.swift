import Foundation
import Testing

@testable import vmcs_bench

/// Contenders are shell scripts here; `inWorkspace` gives each test a directory of its own.
@Suite struct RunnerTests {
  private func inWorkspace(_ body: (Workspace) throws -> Void) throws {
    let scratch = FileManager.default.temporaryDirectory.appending(path: "bench-test-\(UUID().uuidString)")
    let workspace = try Workspace(in: scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }
    try body(workspace)
  }

  private func shell(_ script: String) -> Command { Command(program: "/bin/sh", arguments: ["-c", script]) }

  private func race(_ entries: [Entry]) -> Race { Race(title: "race", facts: [], entries: entries, comparisons: []) }

  private func talker(_ name: String, _ scripts: String...) -> Entry {
    .ready(
      Contender(name: name, meaning: name, commands: scripts.map(shell), product: .text(quoted: true)))
  }

  private func runner(_ workspace: Workspace) throws -> Runner {
    Runner(workspace: workspace, sync: try #require(Programs.find("sync")), report: { _ in })
  }

  @Test func contendersTakeTurnsAndTheWarmUpIsNotCounted() throws {
    try inWorkspace { workspace in
      let log = workspace.directory("log").path
      let outcome = try runner(workspace).run(
        race([talker("a", "echo a | tee -a \(log)"), talker("b", "echo b | tee -a \(log)")]), rounds: 2)
      #expect(try String(contentsOfFile: log, encoding: .utf8) == "a\nb\na\nb\na\nb\n")
      #expect(outcome.samples.mapValues(\.count) == ["a": 2, "b": 2])
      #expect(outcome.quotes == ["a": "a", "b": "b"])
    }
  }

  @Test func commandsOfAContenderAddUp() throws {
    try inWorkspace { workspace in
      let outcome = try runner(workspace).run(
        race([talker("a", "sleep 0.05; echo 1", "sleep 0.05; echo 2")]), rounds: 1)
      let sample = try #require(outcome.samples["a"]?.first)
      #expect(sample.wall >= 0.1)
      #expect(sample.maxRSS > 0)
      #expect(outcome.sums(["a", "a"])?.first?.wall == 2 * sample.wall)
      #expect(outcome.sums(["a", "absent"]) == nil)
    }
  }

  @Test func cpuIsTheChildsOwn() throws {
    try inWorkspace { workspace in
      let busy = shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo $i")
      let (worked, _) = try workspace.run(busy, for: "busy")
      let (slept, _) = try workspace.run(shell("sleep 0.2; echo"), for: "idle")
      #expect(worked.cpu > 0.01)
      #expect(slept.cpu < 0.1)
      #expect(slept.wall >= 0.2)
    }
  }

  @Test func aFailureNamesContenderStatusAndWords() throws {
    try inWorkspace { workspace in
      let command = shell("echo no >&2; exit 3")
      #expect(
        throws: BenchError.failed(contender: "a", command: command.text, ending: .exit(3), said: "no")
      ) { try runner(workspace).run(race([talker("a", "echo no >&2; exit 3")]), rounds: 1) }
      let killed = shell("kill -9 $$")
      #expect(throws: BenchError.failed(contender: "b", command: killed.text, ending: .signal(9), said: "")) {
        try workspace.run(killed, for: "b")
      }
    }
  }

  @Test func silenceIsAFailure() throws {
    try inWorkspace { workspace in
      #expect(throws: BenchError.noOutput(contender: "a", what: "its text")) {
        try runner(workspace).run(race([talker("a", "true")]), rounds: 1)
      }
    }
  }

  @Test(arguments: [
    ("true", BenchError.noOutput(contender: "w", what: "one")),
    (": >one", BenchError.noOutput(contender: "w", what: "one")),
    ("printf 12 >one", BenchError.otherOutput(contender: "w", file: "one", expected: 3, found: 2)),
    ("printf 123 >one; printf 1 >two", BenchError.unexpectedOutput(contender: "w", file: "two")),
  ])
  func wrongFilesAreAFailure(script: String, error: BenchError) throws {
    try inWorkspace { workspace in
      let writer = Contender(
        name: "w", meaning: "", commands: [shell("cd \(workspace.directory("out").path) && { \(script); }")],
        product: .files(directory: "out", sizes: ["one": 3]))
      #expect(throws: error) { try runner(workspace).run(race([.ready(writer)]), rounds: 1) }
    }
  }

  @Test func aSkippedContenderIsShownWithItsReason() throws {
    try inWorkspace { workspace in
      let said = Said()
      let runner = Runner(workspace: workspace, sync: try #require(Programs.find("sync")), report: said.add)
      let outcome = try runner.run(race([.skipped(name: "x", reason: "not here")]), rounds: 1)
      #expect(said.lines.first == "race: x skipped: not here")
      #expect(outcome.samples.isEmpty)
    }
  }
}

private final class Said {
  private(set) var lines: [String] = []
  func add(_ line: String) { lines.append(line) }
}

import Foundation
import Testing

@testable import vmcs_bench

/// What the races are made of, apart from running them.
@Suite struct RacesTests {
  @Test func countersComeFromTheJSON() {
    let text = #"{"schema": "x", "counters": {"bytes_heads": 40, "bytes_pages": 2, "windows": 3}, "guests": []}"#
    let counters = RunCounters.parse(text)
    #expect(counters == ["bytes_heads": 40, "bytes_pages": 2, "windows": 3])
    #expect(RunCounters.requested(counters) == 42)
    #expect(RunCounters.parse("no JSON").isEmpty)
  }

  @Test func anOrderSaysAllThatItsHostIs() {
    let order = HostOrder(gigabytes: 16, guests: 64, backing: "shuffled", codec: "zstd", guestSize: "9G")
    #expect(
      order.arguments == [
        "--size", "16G", "--guests", "64", "--backing", "shuffled", "--codec", "zstd", "--guest-size", "9G",
      ])
    #expect(order.title == "generated 16 GiB, zstd, 64 guests, shuffled 4 KiB pages")
    let amd = HostOrder(gigabytes: 4, isAMD: true)
    #expect(amd.arguments.last == "--amd" && amd.title.hasSuffix(", AMD"))
  }

  @Test func anonymousMemoryOfAWatchedProcessIsSeen() throws {
    let scratch = FileManager.default.temporaryDirectory.appending(path: "bench-test-\(UUID().uuidString)")
    let workspace = try Workspace(in: scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let script = "a=$(head -c 8000000 /dev/zero | tr '\\0' x); sleep 0.2; echo ${#a}"
    let shell = Command(program: "/bin/sh", arguments: ["-c", script])
    let (watched, said) = try workspace.run(shell, for: "shell", isWatched: true)
    #expect(said == "8000000")
    #expect(watched.maxAnon > 8_000_000)
    #expect(watched.maxAnon < 100_000_000)
    #expect(try workspace.run(shell, for: "shell").sample.maxAnon == 0)
  }

  @Test func ratiosOfUserTimeLeaveTheKernelsOut() throws {
    let entries: [Entry] = ["a", "b"].map { name in
      .ready(Contender(name: name, meaning: name, commands: [], product: .text(quoted: false)))
    }
    let race = Race(
      title: "race", facts: [], entries: entries,
      comparisons: [
        Comparison(title: "all", over: ["a"], under: ["b"]),
        Comparison(title: "user", over: ["a"], under: ["b"], measure: .user),
      ])
    var outcome = Outcome(race: race)
    outcome.samples = [
      "a": [Sample(wall: 1, user: 3, system: 3, maxRSS: 0)], "b": [Sample(wall: 1, user: 2, system: 0, maxRSS: 0)],
    ]
    let table = OutcomeSection(ownPeak: 0).section(outcome).parts[0]
    let rows = table.split(separator: "\n").map(String.init)
    #expect(rows.contains { $0.contains("| all ") && $0.contains("3.00") })
    #expect(rows.contains { $0.contains("user alone") && $0.contains("1.50") })
  }
}

import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// How guests of generated hosts were, their logs and their clocks, the whole way.
@Suite struct GuestStateTests {
  /// 50 MHz; the host's log is at 10.0000005 s when its counter is at 500,000,000.
  private static let host = """
    host ram 128M kernel 6.1 symbols types seed 5
    clock 50000 1000 0xfffffffffffffe0c
    log 9000000000 up
    log 10000000500 Kernel%20panic%20-%20not%20syncing:%20test
    log 10100000000 CPU:%200
    guest sound ram 0-8M linux 6.1.0-sound
      vcpu halted
      clock 0xffffffff88ca6c00 master 3000000000 200000000
      counter 5 0 450000000
      log 0 Linux%20version
      log 20 kvm-clock:%20using%20sched%20offset%20of%201000000%20cycles
      log 1900000000 sched_clock:%20Marking%20stable%20(1,%202)->(3,%20-70000)
      log 2000000000 esc%1b[2J%c3%a9%ff
    guest sick ram 0-8M linux 6.1.0-sick
      vcpu halted
      clock 0
      log 0 Linux%20version
      log 5000000000 Oops:%200002%20[%231]%20SMP
      log 5000000001 Kernel%20panic%20-%20not%20syncing:%20Fatal
    guest mute ram 0-8M nolinux
    """

  private func withInspection(
    _ recipe: String, level: UInt32 = 17, _ body: (Inspection, RecipeDirectory) throws -> Void
  ) throws {
    let directory = try RecipeDirectory()
    let built = try HostRecipe(recipe).build()
    let path = try directory.write(built.kdump(.lzo, level: level), as: "host.dump")
    try body(try Inspection.run(path: path, Inspection.Options(.list, workers: Workers(count: 2))), directory)
  }

  private func entry(_ name: String, _ inspection: Inspection) throws -> Manifest.Guest {
    let manifest = inspection.manifest()
    try ManifestSchema.expect(manifest)
    return try #require(manifest.guests.first { $0.name == name }, "\(manifest.guests.map(\.name))")
  }

  @Test func `clocks, uptime and when a vCPU last ran are what the numbers say`() throws {
    try withInspection(Self.host) { inspection, _ in
      let host = try #require(inspection.manifest().host)
      #expect(host.crashLogTime == 10_000_000_500)
      #expect(host.panic?.text == "Kernel panic - not syncing: test")
      let sound = try entry("sound", inspection)
      let clock = try #require(sound.clock)
      #expect(clock.unknown == nil)
      #expect(clock.kvmclockOffset == -2_000_000_000)
      #expect(clock.master == .init(kernel: 3_000_000_000, tsc: 200_000_000))
      #expect(clock.vcpus?.first?.tscOffset == 5)
      #expect(clock.began == 3_000_000_500)
      #expect(clock.toHost == 3_001_070_500)
      #expect(clock.source == "kvmclock")
      #expect(clock.early == .init(until: 1_900_000_000, uncertainty: 70_000))
      #expect(sound.state?.uptime == 6_998_930_000)
      #expect(sound.state?.notRunFor == 1_000_000_000)
      #expect(sound.state?.panic == nil)
      #expect(sound.state?.lastLine?.time == 2_000_000_000)
    }
  }

  @Test func `a guest's panic is told with its line, and a guest that says nothing has none`() throws {
    try withInspection(Self.host) { inspection, _ in
      let sick = try entry("sick", inspection)
      #expect(sick.state?.panic == .init(time: 5_000_000_001, text: "Kernel panic - not syncing: Fatal"))
      #expect(sick.state?.oops?.text == "Oops: 0002 [#1] SMP")
      // There is no master clock, and nobody told the guest.
      #expect(sick.clock?.toHost == nil && sick.clock?.unknown != nil)
      let mute = try entry("mute", inspection)
      #expect(mute.state?.lastLine == nil)
      #expect(mute.clock?.unknown?.contains("no Linux kernel's VMCOREINFO agrees") == true)
      #expect(throws: Failure.self) { try inspection.log(of: "mute") { _ in true } }
    }
  }

  @Test func `logs are merged by the host's clock, and one whose clock is not known is named`() throws {
    try withInspection(Self.host) { inspection, _ in
      var lines: [String] = []
      var told: [String] = []
      let missing = try inspection.mergedLogs([], began: { told = $0.map(\.name) }) { records in
        lines += records.map { String(decoding: LogText.bytes($0.record, prefix: $0.prefix), as: UTF8.self) }
        return true
      }
      #expect(told == ["sound"])
      #expect(
        lines == [
          "[    3.001070] sound | Linux version\n",
          "[    3.001070] sound | kvm-clock: using sched offset of 1000000 cycles\n",
          "[    4.901070] sound | sched_clock: Marking stable (1, 2)->(3, -70000)\n",
          "[    5.001070] sound | esc\\x1b[2J\\xffffffc3\\xffffffa9\\xffffffff\n", "[    9.000000] host  | up\n",
          "[   10.000000] host  | Kernel panic - not syncing: test\n", "[   10.100000] host  | CPU: 0\n",
        ])
      #expect(missing.count == 2)
      #expect(missing.contains { $0.hasPrefix("sick: its log is left out: what its log's clock is made of") })
      #expect(missing.contains { $0.hasPrefix("mute: its kernel log cannot be read: ") })
      #expect(throws: Failure.self) { try inspection.mergedLogs(["nobody"], began: { _ in }) { _ in true } }
    }
  }

  @Test func `a guest without its memory has what the host knows of it`() throws {
    try withInspection(Self.host, level: 31) { inspection, _ in
      let sound = try #require(inspection.manifest().guests.first { $0.clock?.kvmclockOffset == -2_000_000_000 })
      #expect(sound.state?.lastLine == nil && sound.state?.uptime == nil)
      #expect(sound.state?.notRunFor == 1_000_000_000)
      #expect(sound.clock?.began == 3_000_000_500)
      #expect(sound.clock?.unknown?.contains("pages is in the host dump") == true)
      #expect(inspection.manifest().host?.crashLogTime == 10_000_000_500)
    }
  }

  @Test func `a split's manifest names the host's dump, and a list's does not`() throws {
    let run = try SplitRun(Self.host)
    let dump = try #require(run.manifest.host?.dump)
    #expect(dump.path.hasSuffix("/host.dump"))
    #expect(dump.size == run.manifest.input.files[0].size)
    #expect(run.inspection.manifest().host?.dump == nil)
  }

  @Test func `the counter's factor that cannot be is not taken, and the guest's clock is unknown`() throws {
    // 1 kHz: the factor has more bits than its place.
    let recipe = Self.host.replacing("clock 50000 1000", with: "clock 1 1000")
    try withInspection(recipe) { inspection, _ in
      let sound = try entry("sound", inspection)
      #expect(sound.clock?.toHost == nil && sound.clock?.unknown?.contains("the host's clock is not known") == true)
      #expect(sound.state?.lastLine != nil)
    }
  }

  @Test func `the program says of what it has no log, and takes one guest without --merge`() throws {
    try withInspection(Self.host) { _, directory in
      let path = directory.path.appending(path: "host.dump").path
      let tool = try BuiltTool()
      for guest in ["sound", "sick"] {
        let outcome = try tool.run(["log", path, "--guest", guest], in: directory)
        #expect(outcome.status == 0 && outcome.messages == "", "\(guest)")
      }
      let mute = try tool.run(["log", path, "--guest", "mute"], in: directory)
      #expect(mute.status == 1)
      #expect(mute.messages.hasPrefix("vmcs-split: mute: its kernel log cannot be read: no Linux kernel's VMCOREINFO"))
      let merged = try tool.run(["log", "--merge", path], in: directory)
      #expect(merged.status == 1)
      #expect(merged.messages.contains("sound: its stamps and 3.001070 s are the host's, within 1 us"))
      let two = try tool.run(["log", path, "--guest", "sound", "--guest", "sick"], in: directory)
      #expect(two.status == 64)
    }
  }
}

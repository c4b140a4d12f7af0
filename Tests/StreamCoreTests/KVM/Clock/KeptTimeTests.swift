import Foundation
import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Hosts whose logs are not stamped by the time stamp counter: their clocks are told by what time they keep.
@Suite struct KeptTimeTests {
  /// - Parameters:
  ///   - time: of the host.
  ///   - vm: its clock.
  private func host(
    kernel: String = "6.1", _ time: String, vm: String, damage: (inout ScheduledHost) -> Void = { _ in }
  ) throws -> (guest: Manifest.Guest, panic: UInt64?) {
    var host = try ScheduledHost(
      """
      host ram 128M kernel \(kernel.contains(" ") ? kernel : kernel + " symbols types") seed 5
      clock 50000 1000 0xfffffffffffffe0c
      timekeeping \(time)
      log 9000000000 up
      log 37900000000 Kernel%20panic%20-%20not%20syncing:%20test
      guest sound ram 0-8M linux 6.1.0-sound
        vcpu halted
        clock \(vm)
        counter 5 0 450000000
        log 0 Linux%20version
        log 20 kvm-clock:%20using%20sched%20offset%20of%201000000%20cycles
        log 1900000000 sched_clock:%20Marking%20stable%20(1,%202)->(3,%20-70000)
        log 2000000000 Run
      """)
    damage(&host)
    let directory = try RecipeDirectory()
    let path = try directory.write(host.host.kdump(.lzo), as: "host.dump")
    let manifest = try Inspection.run(path: path, Inspection.Options(.list, workers: Workers(count: 2))).manifest()
    try ManifestSchema.expect(manifest)
    return (try #require(manifest.guests.first), manifest.host?.panic?.time)
  }

  /// 38 s, and 37 s that nobody slewed; the host slept for 2 s. The log is 40 ms behind. The counter has run 1 in 100 too
  /// fast.
  private static let unstable =
    "hpet 5000 38000000000 37000000000 0xfffffffffd9da600 tick 38360000000 38020000000"
  /// A VM whose kvm-clock began at 19 s of that boot, its counters half a second before.
  private static let vm = "0xfffffffb93830200 set 18500000000"

  @Test(arguments: ["5.10 symbols types builtin", "6.1", "6.12", "7.3"])
  func `a host with an unstable counter tells its guests' clocks by its timekeeping`(kernel: String) throws {
    let (guest, _) = try host(kernel: kernel, Self.unstable, vm: Self.vm)
    let clock = try #require(guest.clock)
    #expect(clock.unknown == nil && clock.source == "kvmclock")
    // 37 s and 2 s less 19 s, when the log stood at 37.96 s.
    #expect(clock.began == 17_960_000_000)
    // The guest's stamps are 1,070,000 ns behind its kvm-clock.
    #expect(clock.toHost == 17_961_070_000)
    // A tick, 1 in 2,000 for slewing, 1 in 100 for the counter, a microsecond.
    #expect(clock.uncertainty == 10_000_000 + 9_999_465 + 199_989_300 + 1000)
    #expect(clock.early == .init(until: 1_900_000_000, uncertainty: 70_000))
    #expect(clock.stops == 501_000_000)
    #expect(guest.state?.uptime == 19_938_930_000)
    // When a vCPU left its CPU only the counter would say.
    #expect(guest.state?.notRunFor == nil)
  }

  @Test func `a host that is a guest itself tells them by its own kvm-clock`() throws {
    let time = "kvm-clock 40000000000 38300000000 38300000000 1 stable hypervisor 1500000000"
    let (guest, _) = try host(time, vm: "0xfffffffb46069500")
    let clock = try #require(guest.clock)
    // Its log stood at 40 s less 1.5 s less 500 ns; the VM's clock at 40.3 s less 20.3 s.
    #expect(clock.began == 18_499_999_500)
    #expect(clock.toHost == 18_501_069_500)
    // Nobody slewed it; a counter that nobody measured is within 1 in 100.
    #expect(clock.uncertainty == 1000 + 1000 + 199_989_300)
    #expect(clock.stops == nil)
  }

  /// Its timekeeping goes by the counter, and so do its guests' clocks; only its log's is the hypervisor's.
  @Test func `a master clock counts on such a host, too`() throws {
    let time = "tsc 1050000000 38000000000 38000000000 50000000 stable hypervisor 1500000000"
    let (guest, _) = try host(time, vm: "0 master 3000000000 200000000")
    let clock = try #require(guest.clock)
    #expect(clock.began == 18_050_000_000)
    #expect(clock.uncertainty == 1000 + 10_000_000 + 19_000_000)
  }

  @Test func `what is damaged, or of another form, is not guessed`() throws {
    let raw = BuiltKernel.DataPlace.fastRaw
    for (place, value, reason) in [
      (raw + 64 + 16, 5001, "stopped while it updated"), (raw + 64, 0xffff_ffff_8123_4567, "no form that is known"),
      (raw + 64 + 8, 0xff0, "no form that is known"), (raw + 64 + 24, 99 << 32 | 5, "no form that is known"),
      (raw + 64 + 40, .max, "no form that is known"),
    ] as [(UInt64, UInt64, String)] {
      let (guest, panic) = try host(Self.unstable, vm: Self.vm) { $0.store(value, at: $0.host.kernel.image + place) }
      #expect(guest.clock?.toHost == nil && guest.clock?.began == nil)
      #expect(guest.clock?.unknown?.contains(reason) == true, "\(guest.clock?.unknown ?? "")")
      #expect(guest.clock?.unknown?.contains("does not take its time stamp counter for stable") == true)
      #expect(panic == 37_900_000_000)
    }
    // Before 5.6 KVM's own copy of the host's time has no such member.
    let (guest, _) = try host(kernel: "4.18", Self.unstable, vm: Self.vm)
    #expect(guest.clock?.toHost == nil && guest.clock?.unknown != nil)
  }

  @Test func `no word of it traps`() throws {
    var random = SplitMix64(seed: 23)
    for round in 0..<16 {
      _ = try host(Self.unstable, vm: Self.vm) { host in
        for _ in 0..<4 {
          let place = host.host.kernel.image + BuiltKernel.DataPlace.fastMonotonic + random.below(34) * 8
          host.store(round % 2 == 0 ? .max : random.below(.max), at: place)
        }
      }
    }
  }

  @Test func `a monotonic time is told by the log's clock, and no earlier than the host's boot`() throws {
    let time = KeptTime(
      cycles: 0, source: .tsc, monotonic: 100_000_000_000, raw: 1, log: 100_133_000_000, uncertainty: 1000,
      counterDrift: nil)
    let told = try #require(time.log(monotonic: 78_000_000_000))
    #expect(told.time == 78_133_000_000 && told.uncertainty == 1000 + 11_000_000)
    #expect(time.log(monotonic: 0)?.time == 133_000_000)
    #expect(time.log(monotonic: .max) == nil)
  }
}

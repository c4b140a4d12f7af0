import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Clocks, number by number.
@Suite struct ClockTests {
  /// 50 MHz: 20 ns a tick.
  private static let clock = SchedClock(multiplier: 20 << 20, shift: 20, offset: 1000, stableOffset: -500)
  private static let host = HostClock(clock: clock, ticks: 50_000, crash: 10_000_000_500, fraction: 48)

  @Test func `sched_clock is the counter, scaled, and both offsets`() {
    #expect(Self.clock.nanoseconds(at: 100) == 2500)
    #expect(Self.clock.tsc(at: 2500) == 100)
    #expect(Self.host.crashTSC == 500_000_000)
    // 2^40 ticks need a product of more than 64 bits.
    #expect(Self.clock.nanoseconds(at: 1 << 40) == (1 << 40) * 20 + 500)
    #expect(Self.clock.tsc(at: (1 << 40) * 20 + 500) == 1 << 40)
    // The counter began before the clock did.
    let late = SchedClock(multiplier: 1 << 10, shift: 10, offset: 0 &- 1_000_000, stableOffset: 0)
    #expect(late.nanoseconds(at: 1_000_500) == 500)
    #expect(late.tsc(at: 500) == 1_000_500)
  }

  @Test func `kvm-clock is the host's time since boot and the VM's offset, with a master clock`() {
    var vm = VMClock(offset: -400_000_000, master: .init(kernel: 1_000_000_000, tsc: 10_000))
    #expect(vm.kvmclock(at: 10_000, Self.host) == 600_000_000)
    #expect(vm.kvmclock(at: 60_000, Self.host) == 601_000_000)
    #expect(vm.kvmclock(at: 5_000, Self.host) == 599_900_000)
    vm = VMClock(offset: 0, master: nil)
    #expect(vm.kvmclock(at: 10_000, Self.host) == nil)
  }

  @Test func `without a master clock it is what KVM told the guest last, by the guest's own counter`() {
    var vm = VMClock(offset: 0, master: nil)
    // 25 MHz by the guest: half as many ticks.
    var vcpu = VCPUClock(offset: 0 &- 1000, ratio: 1 << 47)
    vcpu.pvclock = .init(tsc: 4000, time: 7_000_000, multiplier: 0xa000_0000, shift: 6)
    vm.vcpus[0] = vcpu
    #expect(vcpu.counter(at: 10_000, fraction: 48) == 4000)
    #expect(vm.kvmclock(at: 10_000, Self.host) == 7_000_000)
    // 500 ticks of the guest's, 64 * 0.625 ns each.
    #expect(vm.kvmclock(at: 11_000, Self.host) == 7_020_000)
    let slow = PVClock(tsc: 0, time: 0, multiplier: 0x8000_0000, shift: -1)
    #expect(slow.nanoseconds(at: 400) == 100)
    // No shift traps.
    for shift in [Int8.min, -64, -1, 63, 64, .max] {
      _ = PVClock(tsc: 1, time: .max, multiplier: .max, shift: shift).nanoseconds(at: 0)
    }
  }

  @Test(
    arguments: [
      (nil, 48, 1005), (0, 48, 1005), (1, 48, 1005), (1 << 48, 48, 1005), (1 << 32, 32, 1005), (3 << 47, 48, 1505),
      (3 << 31, 32, 1505), (1 << 46, 48, 255),
    ] as [(UInt64?, UInt64, UInt64)])
  func `a guest's counter is the host's, multiplied, and its offset`(
    ratio: UInt64?, fraction: UInt64, counter: UInt64
  ) {
    #expect(VCPUClock(offset: 5, ratio: ratio).counter(at: 1000, fraction: fraction) == counter)
    #expect(VCPUClock(offset: 0 &- 10, ratio: 1 << fraction).counter(at: 1000, fraction: fraction) == 990)
    #expect(VCPUClock(offset: nil, ratio: ratio).counter(at: 1000, fraction: fraction) == nil)
  }

  @Test func `values of any kind are no trap`() {
    for value in [0, 1, 1 << 31, 1 << 62, 1 << 63, .max] as [UInt64] {
      let clock = SchedClock(
        multiplier: UInt32(truncatingIfNeeded: value), shift: UInt32(value & 63), offset: value,
        stableOffset: Int64(bitPattern: value))
      let host = HostClock(clock: clock, ticks: max(1, value & 0xffff_ffff), crash: value, fraction: 48)
      let vm = VMClock(offset: Int64(bitPattern: value), master: .init(kernel: value, tsc: ~value))
      for tsc in [0, 1, 1 << 63, .max] as [UInt64] {
        _ = clock.nanoseconds(at: tsc)
        _ = vm.kvmclock(at: tsc, host)
        _ = VCPUClock(offset: value, ratio: value).counter(at: tsc, fraction: 48)
      }
      _ = host.crashTSC
      _ = try? GuestClock(vm, host, LogDigest()) { nil }
    }
  }

  private func digest(_ lines: [(UInt64, String)], from first: Int = 0) throws -> LogDigest {
    var ring = HostModel.PrintkRing(countBits: 6, sizeBits: 13)
    for (time, text) in lines { ring.write(text, at: time) }
    var log = try LogSpace(ring).log()
    _ = log.next(first)
    return LogDigest(log)
  }

  private static func kernel(_ recipe: String) throws -> DescribedKernel {
    let host = try HostRecipe(recipe).build()
    let text = try #require(host.vmcoreInfo)
    let info = try #require(VMCoreInfo(Array(text.utf8)))
    let kernel = try LinuxKernel(vmcoreinfo: info, memory: BuiltMemory(host))
    return try DescribedKernel(kernel, info, expecting: HostClock.symbols)
  }

  private let lines: [(UInt64, String)] = [
    (0, "Linux version 6.1"), (20, "kvm-clock: using sched offset of 1000000 cycles"),
    (1_900_000_000, "sched_clock: Marking stable (1870280900, 48397900)->(1992095800, -70000)"), (2_000_000_000, "Run"),
  ]

  @Test func `a guest's stamps become the host's by what its own log says of its clock`() throws {
    // At the crash kvm-clock stands at 3 s - 2 s + 300,000,000 ticks: 7 s.
    let vm = VMClock(offset: -2_000_000_000, master: .init(kernel: 3_000_000_000, tsc: 200_000_000))
    let clock = try GuestClock(vm, Self.host, try digest(lines)) { nil }
    #expect(clock.toHost == 10_000_000_500 - (7_000_000_000 - 1_000_000 - 70_000))
    #expect(clock.source == .kvmclock)
    #expect(clock.uncertainty == 1000)
    #expect(clock.early == .init(until: 1_900_000_000, uncertainty: 70_000))
    #expect(clock.host(2_000_000_000) == 5_001_070_500)
    #expect(clock.guest(5_001_070_500) == 2_000_000_000)
    #expect(clock.guest(0) == nil)
    // Until a kernel has found its clock stable, that is off by up to a second.
    let young = try GuestClock(vm, Self.host, try digest(Array(lines[..<2]))) { nil }
    #expect(young.uncertainty == 1_000_001_000 && young.early == nil)
    // A guest's clock that runs faster, as its VMM set it, drifts while the guest lives.
    let fast = HostClock(clock: Self.clock, ticks: 49_950, crash: 10_000_000_500, fraction: 48)
    #expect(try GuestClock(vm, fast, try digest(lines)) { nil }.uncertainty > 6_000_000)
  }

  /// Such a guest's stamps go by its timekeeping, which counts kvm-clock's nanoseconds.
  @Test func `a guest that never found its clock stable tells its stamps by its own timekeeping`() throws {
    let vm = VMClock(offset: -2_000_000_000, master: .init(kernel: 3_000_000_000, tsc: 200_000_000))
    let recipe = """
      host ram 64M kernel 6.1 symbols types
      clock 50000 0 0
      timekeeping kvm-clock 6000000000 5800000000 5800000000 31000000 hypervisor 1000000
      guest g ram 0-2M nolinux
        vcpu halted
      """
    let kernel = try Self.kernel(recipe)
    let told = Array(lines[..<2]) + [(500_000_000, "clocksource: Switched to clocksource kvm-clock")]
    let clock = try GuestClock(vm, Self.host, try digest(told)) { kernel }
    // Its log stood at 5.831 s when kvm-clock stood at 6 s; at the crash that stands at 7 s.
    #expect(clock.toHost == 10_000_000_500 - 6_831_000_000)
    #expect(clock.uncertainty == 1000 + KeptTime.tick)
    #expect(clock.early == .init(until: 500_000_000, uncertainty: 168_000_000))
    // By a log that has lost its beginning, and one that says it.
    let late = try GuestClock(vm, Self.host, try digest(lines, from: 2)) { kernel }
    #expect(late.toHost == clock.toHost)
    let unstable = try digest(lines + [(3, "sched_clock: Marking unstable (1, 2)<-(3, 4)")])
    #expect(try GuestClock(vm, Self.host, unstable) { kernel }.toHost == clock.toHost)
  }

  /// Its counter runs at half the host's speed, and began to count when the host's stood at 250,000,000.
  @Test(arguments: [(48, 1 << 47), (32, 1 << 31)] as [(UInt64, UInt64)])
  func `a guest without kvm-clock tells its stamps by its counter, scaled and set off`(
    fraction: UInt64, ratio: UInt64
  ) throws {
    let recipe = """
      host ram 64M kernel 6.1 symbols types
      clock 25000 0 0
      guest g ram 0-2M nolinux
        vcpu halted
      """
    let kernel = try Self.kernel(recipe)
    var vm = VMClock(offset: 0, master: nil)
    vm.vcpus[0] = VCPUClock(offset: 0 &- 125_000_000, ratio: ratio)
    let host = HostClock(clock: Self.clock, ticks: 50_000, crash: 10_000_000_500, fraction: fraction)
    let clock = try GuestClock(vm, host, try digest([lines[0]])) { kernel }
    #expect(clock.source == .tsc && clock.toHost == 5_000_000_500 && clock.uncertainty == 1000)
    #expect(clock.stops == nil)
  }

  /// Counters run on while a VMM has its VM stopped, and kvm-clock does not.
  @Test func `for how long a VM was stopped has a bound`() {
    var vm = VMClock(offset: -9_000_000_000, master: nil)
    #expect(vm.stops(since: 1_000_000) == nil)
    vm.counterSet = 4_500_000_000
    #expect(vm.stops(since: 1_000_000) == 4_501_000_000)
    // A reset sets the counters anew: so much had run before the kernel was booted.
    vm.counterSet = 9_600_000_000
    #expect(vm.stops(since: 1_000_000_000) == 400_000_000)
    #expect(vm.stops(since: 1_000_000) == nil)
    vm.counterSet = .max
    _ = vm.stops(since: .max)
  }

  @Test func `what a log does not say is not guessed`() throws {
    let vm = VMClock(offset: 0, master: .init(kernel: 0, tsc: 0))
    #expect(throws: GuestClockFault.self) { try GuestClock(vm, Self.host, try digest(lines, from: 2)) { nil } }
    #expect(throws: GuestClockFault.self) { try GuestClock(vm, Self.host, try digest([lines[0]])) { nil } }
    #expect(throws: GuestClockFault.unstable) {
      try GuestClock(vm, Self.host, try digest(lines + [(3, "sched_clock: Marking unstable (1, 2)<-(3, 4)")])) { nil }
    }
    let silent = HostClock(clock: Self.clock, ticks: 50_000, crash: nil, fraction: 48)
    #expect(throws: GuestClockFault.noCrash) { try GuestClock(vm, silent, try digest(lines)) { nil } }
    #expect(throws: GuestClockFault.noClock(.kvmclock)) {
      try GuestClock(VMClock(offset: 0, master: nil), Self.host, try digest(lines)) { nil }
    }
  }
}

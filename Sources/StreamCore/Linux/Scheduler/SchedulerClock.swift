/// From the processor's time-stamp counter to the clock of the run queues. Source: arch/x86/kernel/tsc.c, cyc2ns;
/// kernel/sched/clock.c, __sched_clock_offset.
struct SchedulerClock: Sendable {
  private let factor: UInt64
  private let shift: UInt64
  private let offset: UInt64

  static let symbols: Set<String> = ["cyc2ns", "__sched_clock_offset", "__sched_clock_stable"]

  /// `nil`: the run queues do not go by the counter, or what they reckon with is not known.
  init?(_ host: HostScheduler, cpu: Int) {
    let kernel = host.kernel
    guard let place = host.perCPU("cyc2ns", of: cpu), let own = try? kernel.symbol("__sched_clock_offset"),
      let stable = try? kernel.symbol("__sched_clock_stable"),
      let enabled = try? kernel.kernel.integer(stable, size: 4), enabled == 1,
      let moved = try? kernel.kernel.integer(own, size: 8),
      let sequence = Self.value(["cyc2ns.seq.seqcount.sequence", "cyc2ns.seq.sequence"], place, kernel)
    else { return nil }
    let data = "cyc2ns.data[\(sequence & 1)]."
    guard let factor = Self.value([data + "cyc2ns_mul"], place, kernel),
      let shift = Self.value([data + "cyc2ns_shift"], place, kernel), shift < 64, factor != 0,
      let offset = Self.value([data + "cyc2ns_offset"], place, kernel)
    else { return nil }
    self.factor = factor
    self.shift = shift
    self.offset = offset &+ moved
  }

  private static func value(_ paths: [String], _ place: VirtualAddress, _ kernel: DescribedKernel) -> UInt64? {
    paths.lazy.compactMap { try? kernel.reader.value($0, at: place) }.first
  }

  /// Nanoseconds.
  func time(ofCounter counter: UInt64) -> UInt64 {
    let (high, low) = counter.multipliedFullWidth(by: factor)
    let whole = shift == 0 ? low : high << (64 - shift) | low >> shift
    return whole &+ offset
  }
}

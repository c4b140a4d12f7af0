/// What a kernel's timekeeping was at its last update, and how its clock goes by it. Source: kernel/time/timekeeping.c,
/// struct tk_fast and tk_read_base; kernel/sched/clock.c.
public struct KeptTimeDescription: Sendable {
  /// "tsc", "kvm-clock", or the name of another clock source.
  public var source: String
  public var cycles: UInt64
  public var monotonic: UInt64
  public var raw: UInt64
  /// `__gtod_offset`, of two's complement.
  public var offset: UInt64
  /// `__sched_clock_stable`.
  public var isStable = false
  /// `kvm_sched_clock_offset`.
  public var hypervisorOffset: UInt64 = 0
  /// CPU 0's last tick, by the counter and by the monotonic clock.
  public var tick: (counter: UInt64, kept: UInt64) = (0, 0)

  public init(source: String, cycles: UInt64, monotonic: UInt64, raw: UInt64, offset: UInt64) {
    (self.source, self.cycles, self.monotonic, self.raw, self.offset) = (source, cycles, monotonic, raw, offset)
  }
}

extension BuiltKernel.DataPlace {
  /// `tk_fast_mono`, `tk_fast_raw`, `__gtod_offset`, and three clock sources, of which two have names.
  public static let fastMonotonic: UInt64 = 0x10_2140
  public static let fastRaw: UInt64 = 0x10_21c0
  static let gtodOffset: UInt64 = 0x10_2240
  static let clockSources: UInt64 = 0x10_2280
  /// `sched_clock_data`, in each CPU's area.
  static let tickInArea: UInt64 = 0x3040
}

extension BuiltKernel {
  static let keptTimeSymbols: [(Character, String, UInt64)] = [
    ("d", "tk_fast_mono", DataPlace.fastMonotonic), ("d", "tk_fast_raw", DataPlace.fastRaw),
    ("d", "__gtod_offset", DataPlace.gtodOffset), ("d", "clocksource_tsc", DataPlace.clockSources),
    ("D", "kvm_clock", DataPlace.clockSources + 0x40),
  ]

  func write(_ time: KeptTimeDescription, in space: inout some FrameSpace) {
    let source: UInt64 = time.source == "tsc" ? 0 : time.source == "kvm-clock" ? 0x40 : 0x80
    for (place, nanoseconds) in [(DataPlace.fastMonotonic, time.monotonic), (DataPlace.fastRaw, time.raw)] {
      // Half 1 is to be read; the other is an update behind.
      space.memory.store(7, at: image + place, width: 4)
      for (half, ago) in [(0, 4_000_000), (1, 0)] as [(UInt64, UInt64)] {
        let base = image + place + 8 + half * 56
        let parts: [UInt64] = [
          stext + DataPlace.clockSources + source, ~0, time.cycles &- ago, 1 << 22 | 22 << 32, 123 << 22 | 77,
          nanoseconds &- ago &- 123,
        ]
        for (index, word) in parts.enumerated() { space.memory.store(word, at: base + UInt64(index) * 8) }
      }
    }
    space.memory.store(time.offset, at: image + DataPlace.gtodOffset)
    space.memory.store(time.isStable ? 1 : 0, at: image + DataPlace.clock + 16)
    space.memory.store(time.hypervisorOffset, at: image + DataPlace.clock + 24)
    for area in perCPU {
      space.memory.store(time.tick.counter, at: area + DataPlace.tickInArea)
      space.memory.store(time.tick.kept, at: area + DataPlace.tickInArea + 8)
    }
  }
}

/// One moment by a kernel's own timekeeping, whatever it counts by: that of its last update, which a tick makes.
/// Source: kernel/time/timekeeping.c, tk_fast_mono; kernel/sched/clock.c.
struct KeptTime: Sendable, Equatable {
  /// What its clock source counted then.
  let cycles: UInt64
  let source: Source
  /// CLOCK_MONOTONIC and CLOCK_MONOTONIC_RAW, nanoseconds.
  let monotonic: UInt64
  let raw: UInt64
  /// The clock of the log and of the run queues, nanoseconds.
  let log: UInt64
  /// How far that can be off, nanoseconds.
  let uncertainty: UInt64
  /// How far the time stamp counter's time ran off from this one since the kernel booted, nanoseconds; `nil`: that is
  /// not known, as the kernel's own clock does not go by the counter.
  let counterDrift: UInt64?

  enum Source: Sendable, Equatable { case tsc, kvmclock, other }

  /// The two clocks run alike where nobody has ever slewed the first.
  var isSlewed: Bool { monotonic != raw }

  /// What slewing can make of the distance of both in a time: 500 parts in a million at most. Source:
  /// include/linux/timex.h, MAXFREQ.
  func slew(over nanoseconds: UInt64) -> UInt64 { isSlewed ? nanoseconds / 2_000 : 0 }

  /// A time of the monotonic clock by that of the log, with its uncertainty; `nil`: before the kernel booted.
  func log(monotonic time: UInt64) -> (time: UInt64, uncertainty: UInt64)? {
    guard time >> 63 == 0 else { return nil }
    let distance = Int64(bitPattern: monotonic &- time)
    let stamp = Int64(bitPattern: log &- UInt64(bitPattern: distance))
    return stamp < 0 ? nil : (UInt64(stamp), uncertainty &+ distance.magnitude / 2_000)
  }
}

extension KeptTime {
  /// Names that are asked for, so that one pass over the kernel's finds them.
  static let symbols: Set<String> = [
    "tk_fast_mono", "tk_fast_raw", "__gtod_offset", "sched_clock_data", "kvm_clock", "clocksource_tsc",
    "hv_clock_boot",
  ]
  /// A tick where it is longest, with HZ=100: a clock that is not stable waits for the next tick when it is ahead.
  static let tick: UInt64 = 10_000_000
  private static let least: UInt64 = 1_000

  init(_ kernel: DescribedKernel) throws(KeptTimeFault) {
    let fast = try Self.fast("tk_fast_mono", kernel)
    let rawFast = try Self.fast("tk_fast_raw", kernel)
    // The kernel stopped between the updates of both.
    guard fast.clock == rawFast.clock, fast.cycles == rawFast.cycles else { throw .torn }
    cycles = fast.cycles
    monotonic = fast.nanoseconds
    raw = rawFast.nanoseconds
    source = Self.source(fast.clock, kernel)
    let own = Result { () throws(SchedClockFault) in try SchedClock(kernel) }
    if source == .tsc, let clock = try? own.get() {
      (log, uncertainty) = (clock.nanoseconds(at: cycles), Self.least)
    } else if let told = Self.hypervisors(cycles, source, kernel) {
      (log, uncertainty) = (told, Self.least)
    } else {
      log = monotonic &+ (try Self.word("__gtod_offset", kernel))
      let isStable = try Self.word("__sched_clock_stable", kernel, size: 4) != 0
      // A stable clock's offset is that of some moment before.
      uncertainty = Self.tick &+ (isStable ? monotonic / 2_000 : 0)
    }
    counterDrift = own == .failure(.unstable) ? Self.drift(kernel) : nil
  }

  private static func source(_ clock: UInt64, _ kernel: DescribedKernel) -> Source {
    if (try? kernel.symbol("clocksource_tsc"))?.rawValue == clock { return .tsc }
    return (try? kernel.symbol("kvm_clock"))?.rawValue == clock ? .kvmclock : .other
  }

  /// `sched_clock` by kvm-clock, where that is the kernel's.
  private static func hypervisors(_ cycles: UInt64, _ source: Source, _ kernel: DescribedKernel) -> UInt64? {
    guard let offset = try? word("kvm_sched_clock_offset", kernel), offset != 0,
      let stable = try? word("__sched_clock_stable", kernel, size: 4), stable != 0,
      let settled = try? word("__sched_clock_offset", kernel)
    else { return nil }
    switch source {
    case .kvmclock: return cycles &- offset &+ settled
    case .tsc:
      guard let place = try? kernel.symbol("hv_clock_boot"),
        let clock = (try? kernel.kernel.read(place, count: PVClock.byteCount)).flatMap({ PVClock($0) })
      else { return nil }
      return clock.nanoseconds(at: cycles) &- offset &+ settled
    case .other: return nil
    }
  }

  /// CPU 0's `sched_clock_data` has both clocks of its last tick.
  private static func drift(_ kernel: DescribedKernel) -> UInt64? {
    guard let base = try? word("__per_cpu_offset", kernel), let offset = try? word("__gtod_offset", kernel),
      case .perCPU(let own)? = (try? kernel.values("sched_clock_data"))?.first,
      let counter = try? kernel.kernel.integer(VirtualAddress(rawValue: base &+ own), size: 8),
      let kept = try? kernel.kernel.integer(VirtualAddress(rawValue: base &+ own &+ 8), size: 8)
    else { return nil }
    return Int64(bitPattern: counter &- kept &- offset).magnitude
  }

  private static func word(
    _ symbol: String, _ kernel: DescribedKernel, size: Int = 8
  ) throws(KeptTimeFault) -> UInt64 {
    let place: VirtualAddress
    do throws(KernelSymbolFault) { place = try kernel.symbol(symbol) } catch { throw .symbol(error) }
    do throws(KernelReadFault) { return try kernel.kernel.integer(place, size: size) } catch { throw .read(error) }
  }

  private static func fast(_ symbol: String, _ kernel: DescribedKernel) throws(KeptTimeFault) -> FastTime {
    let place: VirtualAddress
    do throws(KernelSymbolFault) { place = try kernel.symbol(symbol) } catch { throw .symbol(error) }
    let bytes: [UInt8]
    do throws(KernelReadFault) { bytes = try kernel.kernel.read(place, count: FastTime.byteCount) } catch {
      throw .read(error)
    }
    guard let time = FastTime(bytes) else { throw .form(symbol) }
    return time
  }
}

/// `struct tk_fast`: a sequence, and two of `tk_read_base`, of which its lowest bit names the one to read.
private struct FastTime {
  /// Its clock source.
  let clock: UInt64
  let cycles: UInt64
  let nanoseconds: UInt64

  static let byteCount = 8 + 2 * baseBytes
  private static let baseBytes = 56

  /// As kernels since 4.13 have it, if it proves right: both halves name one clock source, a kernel's address, and differ
  /// by one update at most. No type is asked for, as guests have none and nothing leads to this one without a search.
  init?(_ bytes: [UInt8]) {
    guard let sequence: UInt32 = bytes.load(0), let this = Half(bytes, sequence & 1 == 0 ? 0 : 1),
      let other = Half(bytes, sequence & 1 == 0 ? 1 : 0), this.clock == other.clock, this.clock >> 63 == 1,
      this.mask == other.mask, this.shift == other.shift, this.mask != 0, this.mask & (this.mask &+ 1) == 0,
      (1...32).contains(this.shift), this.multiplier != 0, this.multiplier / 2 <= other.multiplier,
      other.multiplier / 2 <= this.multiplier, this.base >> 63 == 0
    else { return nil }
    clock = this.clock
    cycles = this.cycles
    nanoseconds = this.base &+ this.fraction >> UInt64(this.shift)
  }

  private struct Half {
    let clock: UInt64
    let mask: UInt64
    let cycles: UInt64
    let multiplier: UInt32
    let shift: UInt32
    let fraction: UInt64
    let base: UInt64

    init?(_ bytes: [UInt8], _ number: Int) {
      let start = 8 + number * FastTime.baseBytes
      guard let clock: UInt64 = bytes.load(start), let mask: UInt64 = bytes.load(start + 8),
        let cycles: UInt64 = bytes.load(start + 16), let multiplier: UInt32 = bytes.load(start + 24),
        let shift: UInt32 = bytes.load(start + 28), let fraction: UInt64 = bytes.load(start + 32),
        let base: UInt64 = bytes.load(start + 40)
      else { return nil }
      (self.clock, self.mask, self.cycles) = (clock, mask, cycles)
      (self.multiplier, self.shift, self.fraction, self.base) = (multiplier, shift, fraction, base)
    }
  }
}

/// Why a kernel's own time is not known.
enum KeptTimeFault: Error, Equatable, Sendable {
  case symbol(KernelSymbolFault)
  case read(KernelReadFault)
  case form(String)
  case torn
}

extension KeptTimeFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .symbol(let fault): "\(fault)"
    case .read(let fault): "\(fault)"
    case .form(let name): "\(name) is of no form that is known"
    case .torn: "the kernel stopped while it updated its time"
    }
  }
}

/// A kernel's `local_clock()` by the processor's time stamp counter: what the stamps of its log and of its scheduler are.
/// Source: arch/x86/kernel/tsc.c, cycles_2_ns; kernel/sched/clock.c, sched_clock_cpu.
struct SchedClock: Sendable, Equatable {
  /// `cyc2ns_mul`, `cyc2ns_shift` and `cyc2ns_offset` of CPU 0: all CPUs are given the same.
  let multiplier: UInt32
  let shift: UInt32
  let offset: UInt64
  /// `__sched_clock_offset`: what is added since the kernel found its clock stable, some seconds after it booted. What was
  /// stamped before is up to so much off.
  let stableOffset: Int64

  /// Wraps, as the kernel's does.
  func nanoseconds(at tsc: UInt64) -> UInt64 {
    TickMath.scaled(tsc, by: UInt64(multiplier), shift: UInt64(shift)) &+ offset
      &+ UInt64(bitPattern: stableOffset)
  }

  /// The counter when the clock stood there; `nil`: it never did.
  func tsc(at nanoseconds: UInt64) -> UInt64? {
    let raw = nanoseconds &- UInt64(bitPattern: stableOffset) &- offset
    return TickMath.ratio(raw, 1 << UInt64(shift), UInt64(multiplier))
  }
}

/// Why a kernel's clock is not known.
enum SchedClockFault: Error, Equatable, Sendable {
  case symbol(KernelSymbolFault)
  case kernel(KernelFault)
  /// It is a hypervisor's, by this variable.
  case foreign(String)
  case unstable
  /// The counter is not in use.
  case noCounter
  /// It is none of the counter's, for that reason, and what it is instead cannot be told.
  case untold(String, KeptTimeFault)
}

extension SchedClockFault {
  /// The kernel has a clock, and it goes by something else.
  var isOtherClock: Bool {
    switch self {
    case .foreign, .unstable: true
    default: false
    }
  }
}

extension SchedClockFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .symbol(let fault): "\(fault)"
    case .kernel(let fault): "\(fault)"
    case .foreign(let name): "it is that of a hypervisor below it (\(name))"
    case .unstable: "the kernel does not take its time stamp counter for stable"
    case .noCounter: "it is not made from the time stamp counter"
    case .untold(let why, let fault): "\(why), and the time that it keeps otherwise is not known: \(fault)"
    }
  }
}

extension SchedClock {
  /// Names that are asked for, so that one pass over the kernel's finds them.
  static let symbols = Set(foreign.map(\.name)).union([
    "cyc2ns", "__per_cpu_offset", "__sched_clock_offset", "__sched_clock_stable", "tsc_khz",
  ])
  /// Variables that are not 0 where a kernel takes its clock from the hypervisor that it runs on, with their bytes.
  /// Source: arch/x86/kernel/kvmclock.c, cpu/vmware.c; drivers/clocksource/hyperv_timer.c; arch/x86/xen/time.c.
  private static let foreign: [(name: String, size: Int)] = [
    ("kvm_sched_clock_offset", size: 8), ("hv_sched_clock_offset", 8), ("xen_sched_clock_offset", 8),
    ("vmware_cyc2ns", 4),
  ]

  init(_ kernel: DescribedKernel) throws(SchedClockFault) {
    for (name, size) in Self.foreign {
      guard let place = try? kernel.symbol(name), let own = try? kernel.kernel.integer(place, size: size), own != 0
      else { continue }
      throw .foreign(name)
    }
    // The first member of a static key is a counter.
    guard try Self.integer("__sched_clock_stable", size: 4, kernel) != 0 else { throw .unstable }
    stableOffset = Int64(bitPattern: try Self.integer("__sched_clock_offset", size: 8, kernel))
    let place = try Self.place(kernel)
    let ticks = try Self.integer("tsc_khz", size: 4, kernel)
    let pair: Pair
    if let known = try? kernel.kernel.read(place, count: Pair.byteCount), let known = Pair(known, ticks: ticks) {
      pair = known
    } else {
      do throws(KernelFault) { pair = try Pair(kernel, at: place) } catch { throw .kernel(error) }
    }
    guard pair.multiplier != 0, pair.shift < 64 else { throw .noCounter }
    (multiplier, shift, offset) = (pair.multiplier, pair.shift, pair.offset)
  }

  /// What `cyc2ns` holds: two of the same, and a sequence whose lowest bit says which is whole.
  private struct Pair {
    let multiplier: UInt32
    let shift: UInt32
    let offset: UInt64

    /// Of both, and of the sequence.
    static let byteCount = 36

    /// As all kernels since 4.12 have it, if it proves right: the factor is that of the counter's own speed. Types are
    /// asked only where it does not, for nothing leads to this one without a search.
    init?(_ bytes: [UInt8], ticks: UInt64) {
      let start = (bytes.load(32, as: UInt32.self) ?? 0) & 1 == 0 ? 0 : 16
      guard let multiplier: UInt32 = bytes.load(start), let shift: UInt32 = bytes.load(start + 4),
        let offset: UInt64 = bytes.load(start + 8), multiplier != 0, (1..<40).contains(shift), ticks > 0,
        ticks < 1 << 28
      else { return nil }
      // Nanoseconds of a second, by it: a kernel's own is rounded in its last of some 30 bits.
      let second = TickMath.scaled(ticks * 1000, by: UInt64(multiplier), shift: UInt64(shift))
      guard (999_990_000...1_000_010_000).contains(second) else { return nil }
      (self.multiplier, self.shift, self.offset) = (multiplier, shift, offset)
    }

    /// By types.
    init(_ kernel: DescribedKernel, at place: VirtualAddress) throws(KernelFault) {
      let reader = kernel.reader
      let sequence = try reader.address(try SchedClock.path("cyc2ns.seq", kernel), at: place)
      let which = (try? kernel.kernel.integer(sequence, size: 4)).map { $0 & 1 } ?? 0
      let data = "cyc2ns.data[\(which)]"
      multiplier = UInt32(truncatingIfNeeded: try reader.value("\(data).cyc2ns_mul", at: place))
      shift = UInt32(truncatingIfNeeded: try reader.value("\(data).cyc2ns_shift", at: place))
      offset = try reader.value("\(data).cyc2ns_offset", at: place)
    }
  }

  /// Of CPU 0's `cyc2ns`.
  private static func place(_ kernel: DescribedKernel) throws(SchedClockFault) -> VirtualAddress {
    let base = try integer("__per_cpu_offset", size: 8, kernel)
    do throws(KernelSymbolFault) {
      guard case .perCPU(let own) = try kernel.values("cyc2ns")[0] else { throw .noSymbol("cyc2ns") }
      return VirtualAddress(rawValue: base &+ own)
    } catch { throw .symbol(error) }
  }

  private static func path(_ text: String, _ kernel: DescribedKernel) throws(KernelFault) -> ResolvedPath {
    do throws(TypeFault) { return try kernel.types.path(text) } catch { throw .type(error) }
  }

  private static func integer(
    _ symbol: String, size: Int, _ kernel: DescribedKernel
  ) throws(SchedClockFault) -> UInt64 {
    let place: VirtualAddress
    do throws(KernelSymbolFault) { place = try kernel.symbol(symbol) } catch { throw .symbol(error) }
    do throws(KernelReadFault) { return try kernel.kernel.integer(place, size: size) } catch {
      throw .kernel(.read(error))
    }
  }
}

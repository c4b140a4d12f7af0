/// The host's own clock, by which all guests' are told.
struct HostClock: Sendable {
  /// Of the host's kernel; `nil` where its time stamp counter is not what the log's stamps are made of.
  let clock: SchedClock?
  /// `tsc_khz`: ticks of the time stamp counter in a millisecond.
  let ticks: UInt64
  /// When it crashed by the clock of its log, nanoseconds: the time of the panic, else of the log's last line.
  let crash: UInt64?
  /// Bits behind the point of the ratio of a guest's counter: 48 on Intel's processors, 32 on AMD's.
  /// Source: arch/x86/kvm/vmx/vmx.c and svm/svm.c, tsc_scaling_ratio_frac_bits.
  let fraction: UInt64
  /// Where there is no such clock: what its timekeeping says.
  var kept: Kept?

  /// The time stamp counter at the crash.
  var crashTSC: UInt64? { crash.flatMap { clock?.tsc(at: $0) } }

  /// A host's timekeeping, as KVM looks at it.
  struct Kept: Sendable, Equatable {
    let time: KeptTime
    /// The host's time since boot then, which KVM adds `kvmclock_offset` to: CLOCK_MONOTONIC_RAW and the time that it was
    /// suspended, nanoseconds; `nil`: not known.
    let boot: Int64?
  }

  /// One moment by all of the host's clocks.
  struct Moment: Sendable, Equatable {
    /// By its log.
    let log: UInt64
    let tsc: UInt64?
    /// By that which `kvmclock_offset` is added to.
    let boot: Int64?
  }

  /// The crash; where the counter does not tell it, the last update of the kernel's time, some ticks from it.
  var moment: Moment? {
    if let kept {
      return Moment(log: kept.time.log, tsc: kept.time.source == .tsc ? kept.time.cycles : nil, boot: kept.boot)
    }
    guard let crash, let tsc = crashTSC else { return nil }
    return Moment(log: crash, tsc: tsc, boot: nil)
  }
}

extension HostClock {
  /// Asked for with all others, so that one pass finds them.
  static let symbols = SchedClock.symbols.union(KeptTime.symbols)

  init(_ kernel: DescribedKernel, crash: UInt64?, vendor: Vendor?) throws(SchedClockFault) {
    var clock: SchedClock?
    var kept: Kept?
    do throws(SchedClockFault) { clock = try SchedClock(kernel) } catch {
      guard error.isOtherClock else { throw error }
      do throws(KeptTimeFault) { kept = Kept(time: try KeptTime(kernel), kernel) } catch let fault {
        throw .untold("\(error)", fault)
      }
    }
    let place: VirtualAddress
    let ticks: UInt64
    do throws(KernelSymbolFault) { place = try kernel.symbol("tsc_khz") } catch { throw .symbol(error) }
    do throws(KernelReadFault) { ticks = try kernel.kernel.integer(place, size: 4) } catch {
      throw .kernel(.read(error))
    }
    guard ticks > 0 || clock == nil else { throw .noCounter }
    self.init(clock: clock, ticks: ticks, crash: crash, fraction: vendor == .amd ? 32 : 48, kept: kept)
  }

  /// How far a guest's kvm-clock can run off between two updates by KVM, which are 300 s apart at most, while there is no
  /// master clock: the counter's own error, nanoseconds. Source: arch/x86/kvm/x86.c, KVMCLOCK_SYNC_PERIOD.
  func drift(over life: UInt64) -> UInt64 {
    guard let kept else { return 0 }
    let interval = min(life, 300_000_000_000)
    // A speed that is not measured against another clock is within 1 in 100 of the right one. Source:
    // arch/x86/kernel/tsc.c, tsc_refine_calibration_work.
    guard let drift = kept.time.counterDrift, kept.time.monotonic > 0 else { return interval / 100 }
    return max(interval / 1_000, TickMath.ratio(interval, drift, kept.time.monotonic) ?? interval)
  }
}

extension HostClock.Kept {
  /// By `pvclock_gtod_data`, KVM's own copy of the host's time. Until 5.6 it went by another clock and had no such member.
  fileprivate init(time: KeptTime, _ kernel: DescribedKernel) {
    self.time = time
    if let place = try? kernel.symbol("pvclock_gtod_data", of: "kvm"),
      let slept = try? kernel.reader.value("pvclock_gtod_data.offs_boot", at: place)
    {
      boot = Int64(bitPattern: time.raw &+ slept)
    } else {
      boot = nil
    }
  }
}

/// The host's own clock, by which all guests' are told.
struct HostClock: Sendable {
  /// Of the host's kernel.
  let clock: SchedClock
  /// `tsc_khz`: ticks of the time stamp counter in a millisecond.
  let ticks: UInt64
  /// When it crashed by that clock, nanoseconds: the time of the panic in its log, else of the log's last line.
  let crash: UInt64?
  /// Bits behind the point of the ratio of a guest's counter: 48 on Intel's processors, 32 on AMD's.
  /// Source: arch/x86/kvm/vmx/vmx.c and svm/svm.c, tsc_scaling_ratio_frac_bits.
  let fraction: UInt64

  /// The time stamp counter at the crash.
  var crashTSC: UInt64? { crash.flatMap(clock.tsc) }
}

extension HostClock {
  init(_ kernel: DescribedKernel, crash: UInt64?, vendor: Vendor?) throws(SchedClockFault) {
    let clock = try SchedClock(kernel)
    let place: VirtualAddress
    let ticks: UInt64
    do throws(KernelSymbolFault) { place = try kernel.symbol("tsc_khz") } catch { throw .symbol(error) }
    do throws(KernelReadFault) { ticks = try kernel.kernel.integer(place, size: 4) } catch {
      throw .kernel(.read(error))
    }
    guard ticks > 0 else { throw .noCounter }
    self.init(clock: clock, ticks: ticks, crash: crash, fraction: vendor == .amd ? 32 : 48)
  }
}

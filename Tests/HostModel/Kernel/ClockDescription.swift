/// A kernel's `sched_clock` by the time stamp counter. Source: arch/x86/kernel/tsc.c, struct cyc2ns_data.
public struct ClockDescription: Sendable {
  /// `tsc_khz`.
  public var ticks: UInt64
  /// `cyc2ns_offset`.
  public var offset: UInt64
  /// `__sched_clock_offset`, of two's complement.
  public var stableOffset: UInt64

  public init(ticks: UInt64, offset: UInt64, stableOffset: UInt64) {
    self.ticks = ticks
    self.offset = offset
    self.stableOffset = stableOffset
  }

  static let shift: UInt64 = 24

  /// `struct cyc2ns`: of two halves the sequence names the second; the first is being written.
  var image: [UInt64] {
    let multiplier = (1_000_000 << ClockDescription.shift) / ticks
    return [0x1111_2222_3333, 0x4444, multiplier | ClockDescription.shift << 32, offset, 1]
  }
}

/// The clocks of a VM as KVM keeps them. Source: arch/x86/include/asm/kvm_host.h.
public struct VMClockDescription: Sendable {
  /// `kvmclock_offset`, of two's complement.
  public var offset: UInt64
  /// `master_kernel_ns` and `master_cycle_now`; `nil`: there is no master clock.
  public var master: (kernel: UInt64, tsc: UInt64)?
  /// `cur_tsc_nsec`.
  public var counterSet: UInt64 = 0
  /// Of each vCPU: `l1_tsc_offset`, `l1_tsc_scaling_ratio`, `last_host_tsc`.
  public var counter: (offset: UInt64, ratio: UInt64, lastLeft: UInt64)?

  public init(offset: UInt64) { self.offset = offset }
}

extension KVMModule {
  /// Writes a VM's clocks into its `struct kvm` and its vCPUs.
  /// - Parameter vcpus: physical addresses.
  public func write(
    _ clock: VMClockDescription, of kvm: BuiltKernel.Mapping, vcpus: [UInt64], in space: inout some FrameSpace
  ) {
    let words = [
      clock.offset, clock.master?.kernel ?? 0, clock.master?.tsc ?? 0, clock.master == nil ? 0 : 1, clock.counterSet,
    ]
    for (index, word) in words.enumerated() {
      space.memory.store(word, at: kvm.physical(shape.machineArch + UInt64(index) * 8))
    }
    guard let counter = clock.counter else { return }
    for vcpu in vcpus {
      for (index, word) in [counter.offset, counter.ratio, counter.lastLeft].enumerated() {
        space.memory.store(word, at: vcpu + shape.counters + UInt64(index) * 8)
      }
    }
  }
}

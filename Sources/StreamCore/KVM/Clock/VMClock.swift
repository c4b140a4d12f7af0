/// What KVM keeps of a VM's clocks. Source: arch/x86/include/asm/kvm_host.h, struct kvm_arch and kvm_vcpu_arch.
struct VMClock: Sendable, Equatable {
  /// `kvmclock_offset`: what is added to the host's time since boot for the guest's kvm-clock, nanoseconds.
  let offset: Int64
  /// The one that all vCPUs have together, while the host's own clock is its time stamp counter.
  let master: Master?
  /// `cur_tsc_nsec`: the host's time since boot when the counters of its vCPUs were last set, as they are when a vCPU is
  /// made or reset, nanoseconds. Source: arch/x86/kvm/x86.c, __kvm_synchronize_tsc.
  var counterSet: UInt64?
  /// By their place in the VM's own table.
  var vcpus: [Int: VCPUClock] = [:]

  /// The host's time since boot, in nanoseconds, when its counter stood there.
  struct Master: Sendable, Equatable {
    let kernel: UInt64
    let tsc: UInt64
  }
}

/// What KVM keeps of a vCPU's clocks.
struct VCPUClock: Sendable, Equatable {
  /// The guest's counter is `host * ratio + offset`; with 48 bits behind the point on Intel's processors, 32 on AMD's.
  var offset: UInt64?
  var ratio: UInt64?
  /// The host's counter when the vCPU last left a CPU; 0: it never ran.
  var lastLeft: UInt64?
  /// Its thread was on a CPU.
  var isOnCPU: Bool?
  /// What KVM last told the guest, of kernels up to 6.14.
  var pvclock: PVClock?
}

extension VMClock {
  /// The guest's kvm-clock when the host's counter stood there, nanoseconds; negative before the VM was made.
  func kvmclock(at tsc: UInt64, _ host: HostClock) -> Int64? {
    if let master {
      let ticks = Int64(bitPattern: tsc &- master.tsc)
      guard let passed = TickMath.signedRatio(ticks, 1_000_000, host.ticks) else { return nil }
      return Int64(bitPattern: master.kernel) &+ offset &+ passed
    }
    // Each vCPU has its own, which differ by little.
    for vcpu in vcpus.sorted(by: { $0.key < $1.key }).map(\.value) {
      guard let pvclock = vcpu.pvclock, pvclock.multiplier != 0,
        let guest = vcpu.counter(at: tsc, fraction: host.fraction)
      else { continue }
      return Int64(bitPattern: pvclock.nanoseconds(at: guest))
    }
    return nil
  }

  /// The guest's kvm-clock at a moment of the host's clocks, nanoseconds.
  func kvmclock(at moment: HostClock.Moment, _ host: HostClock) -> Int64? {
    if let tsc = moment.tsc, let time = kvmclock(at: tsc, host) { return time }
    guard master == nil, let boot = moment.boot else { return nil }
    return boot &+ offset
  }

  /// For how long its kvm-clock was stopped at most since it stood there. Counters run on while a VM is stopped: what
  /// `kvmclock_offset` has moved by since they were set is that, and what the VM had run before the kernel was booted, for
  /// a reset sets them anew.
  func stops(since booted: UInt64) -> UInt64? {
    guard let counterSet, counterSet != 0, let most = Int64(exactly: booted) else { return nil }
    let moved = 0 &- offset &- Int64(bitPattern: counterSet)
    let (bound, overflow) = moved.addingReportingOverflow(most)
    return overflow ? nil : UInt64(exactly: bound)
  }

  /// The counter of the host at which the last of its vCPUs left a CPU, where it is known of all.
  var lastLeft: UInt64? {
    let places = vcpus.values.map(\.lastLeft)
    return places.contains(nil) ? nil : places.compactMap { $0 }.max()
  }

  /// Whether one of them was on a CPU; `nil`: not known of all, and none is known to have been.
  var isOnCPU: Bool? {
    let known = vcpus.values.map(\.isOnCPU)
    if known.contains(true) { return true }
    return known.isEmpty || known.contains(nil) ? nil : false
  }
}

extension VCPUClock {
  /// The guest's time stamp counter when the host's stood there.
  /// - Parameter fraction: bits behind the point of the ratio.
  func counter(at tsc: UInt64, fraction: UInt64) -> UInt64? {
    guard let offset else { return nil }
    guard let ratio, ratio > 1, ratio != 1 << fraction else { return tsc &+ offset }
    return TickMath.scaled(tsc, by: ratio, shift: fraction) &+ offset
  }
}

/// What KVM keeps of a VM's clocks. Source: arch/x86/include/asm/kvm_host.h, struct kvm_arch and kvm_vcpu_arch.
struct VMClock: Sendable, Equatable {
  /// `kvmclock_offset`: what is added to the host's time since boot for the guest's kvm-clock, nanoseconds.
  let offset: Int64
  /// The one that all vCPUs have together, while the host's own clock is its time stamp counter.
  let master: Master?
  /// By their place in the VM's own table.
  var vcpus: [Int: VCPUClock] = [:]

  /// The host's time since boot, in nanoseconds, when its counter stood there.
  struct Master: Sendable, Equatable {
    let kernel: UInt64
    let tsc: UInt64
  }

  /// Nanoseconds by the guest's counter. Source: Documentation/virt/kvm/x86/msr.rst, pvclock_vcpu_time_info.
  struct PVClock: Sendable, Equatable {
    let tsc: UInt64
    let time: UInt64
    let multiplier: UInt32
    let shift: Int8

    /// Wraps.
    func nanoseconds(at guest: UInt64) -> UInt64 {
      let ticks = guest &- tsc
      let shifted = shift < 0 ? ticks >> UInt64(-Int(shift)) : ticks << UInt64(shift)
      return time &+ TickMath.scaled(shifted, by: UInt64(multiplier), shift: 32)
    }
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
  var pvclock: VMClock.PVClock?
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

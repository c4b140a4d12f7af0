/// What a hypervisor tells its guest of its clock: nanoseconds by the guest's counter. Source:
/// Documentation/virt/kvm/x86/msr.rst, pvclock_vcpu_time_info.
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

extension PVClock {
  /// Of `pvclock_vcpu_time_info`.
  static let byteCount = 32

  /// As it stands in the guest's memory.
  /// - Returns: `nil` for one that was never told, or is being written: its version is odd.
  init?(_ bytes: [UInt8]) {
    guard let version: UInt32 = bytes.load(0), version != 0, version & 1 == 0, let tsc: UInt64 = bytes.load(8),
      let time: UInt64 = bytes.load(16), let multiplier: UInt32 = bytes.load(24), multiplier != 0,
      let shift: UInt8 = bytes.load(28)
    else { return nil }
    self.init(tsc: tsc, time: time, multiplier: multiplier, shift: Int8(bitPattern: shift))
  }
}

/// What a guest's kernel makes the stamps of its log of: by the guest's own word.
struct GuestLogClock {
  /// Its stamps are kvm-clock's, and so much is added to these; `nil`: they are not.
  private var added: Int64?
  /// Where its clock is its counter.
  private var counter: SchedClock?
  /// Its own timekeeping, where its stamps go by that: kvm-clock's time is what that counts.
  private(set) var kept: KeptTime?
  private(set) var early: GuestClock.Early?
  /// kvm-clock when the guest's kernel began to stamp, nanoseconds.
  private(set) var booted: UInt64?
  /// Nanoseconds.
  private(set) var uncertainty: UInt64 = 0

  var isKvmclock: Bool { counter == nil }

  /// A second: what a clock that its kernel has not found stable is off by; up to 0.72 s were seen.
  private static let unsettled: UInt64 = 1_000_000_000

  init(_ digest: LogDigest, _ kernel: () -> DescribedKernel?) throws(GuestClockFault) {
    if let offset = digest.pvclockOffset, digest.isWhole || digest.stable != nil, !digest.isUnstable {
      booted = offset
      if let stable = digest.stable {
        added = stable.offset &- Int64(bitPattern: offset)
        early = .init(until: stable.since, uncertainty: stable.offset.magnitude)
      } else if let kernel = kernel(), settle(by: kernel, digest, offset) {
        return
      } else {
        added = 0 &- Int64(bitPattern: offset)
        uncertainty = Self.unsettled
      }
      return
    }
    guard let kernel = kernel() else {
      if digest.isUnstable { throw .unstable }
      let why = digest.isWhole ? "it is not kvm-clock" : "its log has lost its first lines"
      throw .noWord("\(why), and its kernel has no names of symbols that can be read")
    }
    if let place = try? kernel.symbol("kvm_sched_clock_offset"),
      let offset = try? kernel.kernel.integer(place, size: 8),
      offset != 0
    {
      booted = offset
      if settle(by: kernel, digest, offset) { return }
      guard !digest.isUnstable else { throw .unstable }
      guard let place = try? kernel.symbol("__sched_clock_offset"),
        let settled = (try? kernel.kernel.integer(place, size: 8)).map(Int64.init(bitPattern:))
      else { throw .noWord("__sched_clock_offset is not known") }
      added = settled &- Int64(bitPattern: offset)
      early = .init(until: digest.stable?.since ?? 0, uncertainty: settled.magnitude)
      return
    }
    guard !digest.isUnstable else { throw .unstable }
    do throws(SchedClockFault) {
      let clock = try SchedClock(kernel)
      counter = clock
      early = .init(until: digest.stable?.since ?? 0, uncertainty: clock.stableOffset.magnitude)
    } catch { throw .noWord("\(error)") }
  }

  /// A kernel that never found its clock stable stamps by its timekeeping, which counts kvm-clock's time since it was
  /// switched to that: what both were apart then stays.
  /// - Returns: whether it is one.
  private mutating func settle(by kernel: DescribedKernel, _ digest: LogDigest, _ offset: UInt64) -> Bool {
    guard let place = try? kernel.symbol("__sched_clock_stable"),
      let stable = try? kernel.kernel.integer(place, size: 4), stable == 0, let time = try? KeptTime(kernel),
      time.source == .kvmclock
    else { return false }
    kept = time
    added = Int64(bitPattern: time.log &- time.cycles)
    uncertainty = time.uncertainty
    let apart = Int64(bitPattern: time.cycles &- offset &- time.log).magnitude
    if let since = digest.clocksource {
      early = .init(until: since, uncertainty: apart)
    } else if digest.isWhole {
      uncertainty &+= apart
    }
    return true
  }

  /// The guest's log clock at a moment of the host's.
  func nanoseconds(at moment: HostClock.Moment, _ vm: VMClock, _ host: HostClock) -> Int64? {
    if let added { return vm.kvmclock(at: moment, host).map { $0 &+ added } }
    let vcpu = vm.vcpus.min { $0.key < $1.key }?.value
    guard let counter, let tsc = moment.tsc, let own = vcpu?.counter(at: tsc, fraction: host.fraction) else {
      return nil
    }
    return Int64(bitPattern: counter.nanoseconds(at: own))
  }
}

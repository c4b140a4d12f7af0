/// How the clock of a guest's log is told by the clock of the host's.
struct GuestClock: Sendable, Equatable {
  /// What the guest's kernel makes its clock of.
  enum Source: String, Sendable { case kvmclock, tsc }

  let source: Source
  /// To be added to a stamp of the guest's log for the host's, nanoseconds.
  let toHost: Int64
  /// How far that can be off, nanoseconds: what both clocks drift apart while the guest lives, and a microsecond.
  let uncertainty: UInt64
  /// Stamps before the guest found its clock stable can be off by so much more.
  let early: Early?

  struct Early: Sendable, Equatable {
    /// By the guest's log, nanoseconds.
    let until: UInt64
    let uncertainty: UInt64
  }

  /// A microsecond: the places at which a clock is read, and the rounding of its factors.
  private static let least: UInt64 = 1_000
  /// A second: what a clock that its kernel has not found stable yet is off by; up to 0.72 s were seen.
  private static let unsettled: UInt64 = 1_000_000_000

  /// - Parameters:
  ///   - digest: of the guest's log.
  ///   - kernel: the guest's own, for what its log does not say.
  init(
    _ vm: VMClock, _ host: HostClock, _ digest: LogDigest, _ kernel: () -> DescribedKernel?
  ) throws(GuestClockFault) {
    guard let crash = host.crash, let tsc = host.crashTSC else { throw .noCrash }
    guard !digest.isUnstable else { throw .unstable }
    let clock = try GuestLogClock(digest, kernel)
    source = clock.pvclockOffset == nil ? .tsc : .kvmclock
    guard let now = clock.nanoseconds(at: tsc, vm, host) else { throw .noClock(source) }
    toHost = Int64(bitPattern: crash) &- now
    // The same when the guest's clock began.
    var drift: UInt64 = 0
    if let start = UInt64(exactly: toHost), let first = host.clock.tsc(at: start),
      let then = clock.nanoseconds(at: first, vm, host)
    {
      drift = (Int64(bitPattern: start) &- then &- toHost).magnitude
    }
    uncertainty = drift &+ Self.least &+ (clock.stable == nil ? Self.unsettled : 0)
    early = clock.stable.map { Early(until: $0.since, uncertainty: $0.offset.magnitude) }
  }

  /// A stamp of the guest's log by the host's clock; `nil`: before the host booted.
  func host(_ stamp: UInt64) -> UInt64? {
    let (sum, overflow) = Int64(clamping: stamp).addingReportingOverflow(toHost)
    return overflow || sum < 0 ? nil : UInt64(sum)
  }

  /// A time of the host's clock by the guest's.
  func guest(_ stamp: UInt64) -> UInt64? {
    let (difference, overflow) = Int64(clamping: stamp).subtractingReportingOverflow(toHost)
    return overflow || difference < 0 ? nil : UInt64(difference)
  }
}

extension GuestClock {
  /// For people.
  var note: String {
    var text = "its stamps and \(Self.seconds(toHost)) s are the host's, within \((uncertainty + 999) / 1000) us"
    if let early {
      text += "; those before its \(Self.seconds(Int64(clamping: early.until))) s within "
      text += "\(Self.seconds(Int64(clamping: early.uncertainty))) s"
    }
    return text
  }

  /// With microseconds.
  private static func seconds(_ nanoseconds: Int64) -> String {
    let digits = String(nanoseconds.magnitude % 1_000_000_000 / 1000)
    return (nanoseconds < 0 ? "-" : "") + "\(nanoseconds.magnitude / 1_000_000_000)."
      + String(repeating: "0", count: 6 - digits.count) + digits
  }
}

/// Why a guest's clock cannot be told by the host's.
enum GuestClockFault: Error, Equatable, Sendable {
  /// The host's kernel does not tell.
  case noHost(String)
  /// The host's log has no line.
  case noCrash
  case noKernel(String)
  /// The guest's log has lost its first lines, and its kernel has no names by which it would tell.
  case noWord(String)
  case unstable
  case noClock(GuestClock.Source)
}

extension GuestClockFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .noHost(let why): "the host's clock is not known: \(why)"
    case .noCrash: "when the host crashed is not known: its log cannot be read"
    case .noKernel(let why): why
    case .noWord(let why): "what its log's clock is made of is not known: \(why)"
    case .unstable: "its kernel did not take its clock for stable"
    case .noClock(.kvmclock): "KVM does not tell what it told the guest of its kvm-clock"
    case .noClock(.tsc): "its clock is its time stamp counter, of which KVM, or the guest's types, do not tell enough"
    }
  }
}

/// What a guest's kernel makes the stamps of its log of: by the guest's own word.
private struct GuestLogClock {
  /// `kvm_sched_clock_offset`; `nil`: its clock is not kvm-clock.
  var pvclockOffset: UInt64?
  var stable: LogDigest.Stable?
  /// Where its clock is its counter.
  var counter: SchedClock?

  init(_ digest: LogDigest, _ kernel: () -> DescribedKernel?) throws(GuestClockFault) {
    stable = digest.stable
    if let offset = digest.pvclockOffset, digest.isWhole || digest.stable != nil {
      pvclockOffset = offset
      return
    }
    guard let kernel = kernel() else {
      let why = digest.isWhole ? "it is not kvm-clock" : "its log has lost its first lines"
      throw .noWord("\(why), and its kernel has no names of symbols that can be read")
    }
    if let place = try? kernel.symbol("kvm_sched_clock_offset"),
      let offset = try? kernel.kernel.integer(place, size: 8),
      offset != 0
    {
      guard let place = try? kernel.symbol("__sched_clock_offset"),
        let settled = try? kernel.kernel.integer(place, size: 8)
      else { throw .noWord("__sched_clock_offset is not known") }
      pvclockOffset = offset
      stable = .init(offset: Int64(bitPattern: settled), since: digest.stable?.since ?? 0)
      return
    }
    do throws(SchedClockFault) {
      let clock = try SchedClock(kernel)
      counter = clock
      stable = .init(offset: clock.stableOffset, since: digest.stable?.since ?? 0)
    } catch { throw .noWord("\(error)") }
  }

  /// The guest's log clock when the host's counter stood there.
  func nanoseconds(at tsc: UInt64, _ vm: VMClock, _ host: HostClock) -> Int64? {
    if let pvclockOffset {
      return vm.kvmclock(at: tsc, host).map { $0 &- Int64(bitPattern: pvclockOffset) &+ (stable?.offset ?? 0) }
    }
    let vcpu = vm.vcpus.min { $0.key < $1.key }?.value
    guard let counter, let own = vcpu?.counter(at: tsc, fraction: host.fraction) else { return nil }
    return Int64(bitPattern: counter.nanoseconds(at: own))
  }
}

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
  /// A VMM that stops its VM stops kvm-clock, too, and KVM keeps no record: stamps before are too late by as long as that
  /// was, at most by this, nanoseconds; `nil`: no bound is known.
  let stops: UInt64?

  struct Early: Sendable, Equatable {
    /// By the guest's log, nanoseconds.
    let until: UInt64
    let uncertainty: UInt64
  }

  /// A microsecond: the places at which a clock is read, and the rounding of its factors.
  private static let least: UInt64 = 1_000
  /// - Parameters:
  ///   - digest: of the guest's log.
  ///   - kernel: the guest's own, for what its log does not say.
  init(
    _ vm: VMClock, _ host: HostClock, _ digest: LogDigest, _ kernel: () -> DescribedKernel?
  ) throws(GuestClockFault) {
    guard let moment = host.moment else { throw .noCrash }
    let clock = try GuestLogClock(digest, kernel)
    source = clock.isKvmclock ? .kvmclock : .tsc
    guard let now = clock.nanoseconds(at: moment, vm, host) else { throw .noClock(source) }
    toHost = Int64(bitPattern: moment.log) &- now
    var error = Self.least &+ clock.uncertainty
    if let kept = host.kept {
      let life = UInt64(clamping: now)
      error &+= kept.time.uncertainty &+ kept.time.slew(over: life)
      if vm.master == nil { error &+= host.drift(over: life) }
    } else if let start = UInt64(exactly: toHost), let first = host.clock?.tsc(at: start),
      let then = clock.nanoseconds(at: .init(log: start, tsc: first, boot: nil), vm, host)
    {
      // The same when the guest's clock began.
      error &+= (Int64(bitPattern: start) &- then &- toHost).magnitude
    }
    if let kept = clock.kept { error &+= kept.slew(over: UInt64(clamping: now)) }
    uncertainty = error
    early = clock.early
    stops = clock.booted.flatMap { vm.stops(since: $0) }
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
    if let stops {
      text += "; if its VMM has stopped it, those before that up to \(Self.seconds(Int64(clamping: stops))) s late"
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

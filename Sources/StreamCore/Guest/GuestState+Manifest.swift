extension GuestState {
  var entry: Manifest.State? {
    let lines = { (count: Int, line: LogDigest.Line?) in
      line.map { Manifest.Lines(count: count, first: $0.entry) }
    }
    var state = Manifest.State(uptime: uptime)
    switch lastRan {
    case .atCrash: (state.lastRan, state.notRunFor) = ("at_crash", 0)
    case .before(let time): (state.lastRan, state.notRunFor) = ("before", time)
    case .never: state.lastRan = "never"
    case nil: break
    }
    state.panic = digest?.panic?.entry
    state.oops = digest?.oops?.entry
    state.softLockups = lines(digest?.softLockups ?? 0, digest?.softLockup)
    state.hungTasks = lines(digest?.hungTasks ?? 0, digest?.hungTask)
    state.lastLine = digest?.last?.entry
    return state == Manifest.State() ? nil : state
  }

  /// - Parameter vm: what KVM keeps of its clocks.
  func clockEntry(_ vm: VMClock?) -> Manifest.Clock {
    var entry = Manifest.Clock(began: began)
    switch clock {
    case .success(let clock):
      entry.source = clock.source.rawValue
      entry.toHost = clock.toHost
      entry.uncertainty = clock.uncertainty
      entry.stops = clock.stops
      entry.early = clock.early.map { .init(until: $0.until, uncertainty: $0.uncertainty) }
    case .failure(let fault): entry.unknown = "\(fault)"
    }
    guard let vm else { return entry }
    entry.kvmclockOffset = vm.offset
    entry.master = vm.master.map { .init(kernel: $0.kernel, tsc: $0.tsc) }
    entry.vcpus = vm.vcpus.sorted { $0.key < $1.key }.map { index, vcpu in
      .init(
        index: index, tscOffset: vcpu.offset.map(Int64.init(bitPattern:)), tscMultiplier: vcpu.ratio.map { .init($0) },
        pvclock: vcpu.pvclock.map { .init(kernel: $0.time, tsc: $0.tsc) })
    }
    return entry
  }
}

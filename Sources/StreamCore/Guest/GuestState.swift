/// How a guest was when the host crashed: by its own kernel's word, and of its vCPUs by the host's. Nothing is decided by
/// it.
struct GuestState: Sendable {
  /// Of its kernel's log; `nil`: it cannot be read.
  private(set) var digest: LogDigest?
  private(set) var clock: Result<GuestClock, GuestClockFault>
  /// When its kvm-clock stood at 0 by the host's clock: when its VM was made, or where its VMM set it, nanoseconds.
  private(set) var began: Int64?
  /// Its own clock at the crash, nanoseconds.
  private(set) var uptime: UInt64?
  private(set) var lastRan: LastRan?

  /// When one of its vCPUs last was on a CPU of the host.
  enum LastRan: Sendable, Equatable {
    case atCrash
    /// Nanoseconds before.
    case before(UInt64)
    case never
  }

  init() { clock = .failure(.noHost("it was not asked")) }

  init(of guest: Guest, by host: Result<HostClock, SchedClockFault>?) {
    let log = Result { () throws(KernelLogFault) in try guest.log() }
    digest = (try? log.get()).map { LogDigest($0) }
    let vm = guest.mapped.group.clock
    let known = host.flatMap { try? $0.get() }
    if let known, let vm = try? vm?.get() {
      if let moment = known.moment {
        began = vm.kvmclock(at: moment, known).map { Int64(bitPattern: moment.log) &- $0 }
      }
      lastRan = LastRan(vm, known)
    }
    let digest = digest
    clock = Result { () throws(GuestClockFault) in
      guard let host else { throw .noHost("its kernel does not tell its VMs") }
      let clock: HostClock
      do throws(SchedClockFault) { clock = try host.get() } catch { throw .noHost("\(error)") }
      guard let vm else { throw .noHost("its kernel does not list the VM") }
      let own: VMClock
      do throws(KernelFault) { own = try vm.get() } catch { throw .noHost("\(error)") }
      guard let digest else {
        if case .failure(let fault) = log { throw .noKernel("\(fault)") }
        throw .noCrash
      }
      return try GuestClock(own, clock, digest) { guest.named() }
    }
    if let own = try? clock.get(), let crash = known?.crash { uptime = own.guest(crash) }
  }
}

extension GuestState.LastRan {
  /// `nil`: not known.
  fileprivate init?(_ vm: VMClock, _ host: HostClock) {
    if vm.isOnCPU == true {
      self = .atCrash
      return
    }
    guard let left = vm.lastLeft, vm.isOnCPU == false else { return nil }
    if left == 0 {
      self = .never
      return
    }
    guard let crash = host.crash, let stamp = host.clock?.nanoseconds(at: left) else { return nil }
    self = stamp >= crash ? .atCrash : .before(crash - stamp)
  }
}

extension Guest {
  /// Its kernel with its names, where these can be had without a search through all of its image.
  fileprivate func named() -> DescribedKernel? {
    guard let (kernel, vmcoreinfo) = try? kernel(), vmcoreinfo["SYMBOL(kallsyms_names)"] != nil else { return nil }
    return try? DescribedKernel(kernel, vmcoreinfo, expecting: HostClock.symbols)
  }
}

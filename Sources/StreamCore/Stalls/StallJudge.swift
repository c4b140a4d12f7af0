/// What is concluded from a thread's facts, and whether it is why a guest stood still. Nothing is read here.
struct StallJudge {
  /// What a thread did, in a word; `rawValue` stands in the document.
  enum Verdict: String, Sendable, CaseIterable {
    case inGuest = "in_guest"
    case onCPU = "on_cpu"
    case runnable
    case throttled
    case frozen
    case stopped
    case traced
    /// In D state.
    case blocked
    /// Its VMM has stopped the VM.
    case paused
    /// Its guest has nothing to do.
    case halted
    case sleeping
    case neverRan = "never_ran"
    case ended
    case unknown
  }

  struct Conclusion: Sendable, Equatable {
    var verdict: Verdict
    /// It stood still for longer than in any healthy host, and not of its own will.
    var isSuspect = false
    /// Nanoseconds at the instant.
    var duration: UInt64?
    /// "runnable on CPU 1 for 22.4 s behind hog (pid 607, FIFO 50)".
    var text: String
    /// What it follows from.
    var by: [String]
  }

  /// What is asked of a vCPU beside its thread.
  struct VCPUContext: Sendable {
    var isInGuest: Bool?
    var mpState: String?
    var exitReason: String?
    /// The VMM's first thread waits for events.
    var isVMMIdle: Bool
  }

  /// Of a vCPU whose thread is not known: what is left to say.
  static func unknown(exitReason: String?, hostCPU: Int?) -> Conclusion {
    var text = "its thread is not known"
    if let hostCPU { text += "; it ran last on CPU \(hostCPU)" }
    if let exitReason { text += (hostCPU == nil ? "; it" : " and") + " left its guest by \(exitReason)" }
    return Conclusion(verdict: .unknown, text: text, by: [])
  }

  /// A healthy host lets nobody wait for so long: nanoseconds. Its own watchdog for tasks that hang counts to 120 s, the
  /// one for CPUs to 20 s (kernel.hung_task_timeout_secs, kernel.watchdog_thresh); a guest notices sooner.
  static let limit: UInt64 = 1_000_000_000

  static func judge(_ facts: ThreadFacts, _ vcpu: VCPUContext? = nil) -> Conclusion {
    let task = facts.task
    if task.state == .dead { return Conclusion(verdict: .ended, text: "ended", by: ["task_struct.exit_state"]) }
    if let freeze = facts.limits.freeze, freeze.hasStopped { return frozen(facts, freeze) }
    switch task.state {
    case .running: return running(facts, vcpu)
    case .runnable: return waiting(facts)
    case .stopped, .traced: return stopped(facts)
    case .uninterruptible: return blocked(facts)
    case .sleeping: return sleeping(facts, vcpu)
    case .parked: return Conclusion(verdict: .sleeping, text: "parked", by: state(facts))
    case .dead, .unknown, nil:
      return Conclusion(verdict: .unknown, text: "not known", by: [])
    }
  }

  private static func state(_ facts: ThreadFacts) -> [String] { facts.task.rawState.map { [$0.source] } ?? [] }

  private static func isLong(_ duration: UInt64?) -> Bool { duration.map { $0 >= limit } ?? false }

  /// " for 22.4 s"; empty where it is not known.
  private static func lasting(_ duration: UInt64?) -> String { duration.map { " for \(Seconds.text($0))" } ?? "" }

  private static func cpu(_ facts: ThreadFacts) -> String { facts.task.cpu.map { " on CPU \($0.value)" } ?? "" }

  private static func frozen(_ facts: ThreadFacts, _ freeze: TaskLimits.Freeze) -> Conclusion {
    Conclusion(
      verdict: .frozen, isSuspect: facts.absence.map { $0 >= limit } ?? true, duration: facts.absence,
      text: "frozen by control group \(TaskNames.group(freeze.group)), has not run\(lasting(facts.absence))",
      by: [freeze.source] + absenceSources(facts))
  }

  private static func absenceSources(_ facts: ThreadFacts) -> [String] {
    [facts.task.lastArrival?.source, facts.task.execStart?.source].compactMap { $0 }
  }

  /// A CPU that is in a guest leaves it by the interrupt that stops it. KVM has its `mode` changed by then, but for AMD's.
  private static func running(_ facts: ThreadFacts, _ vcpu: VCPUContext?) -> Conclusion {
    let by = ["task_struct.on_cpu"]
    if let vcpu, vcpu.isInGuest == true {
      return Conclusion(verdict: .inGuest, text: "in its guest\(cpu(facts))", by: by + ["kvm_vcpu.mode"])
    }
    guard let vcpu, facts.task.isInGuest == true, let exit = vcpu.exitReason else {
      return Conclusion(verdict: .onCPU, text: "running\(cpu(facts)), not in its guest", by: by)
    }
    // PF_VCPU stands until the exit is accounted for.
    guard stops.contains(exit) else {
      return Conclusion(
        verdict: .onCPU, text: "running\(cpu(facts)), just out of its guest (\(exit))", by: by + ["task_struct.flags"])
    }
    return Conclusion(
      verdict: .inGuest, text: "in its guest\(cpu(facts)), until the host stopped it (\(exit))",
      by: by + ["task_struct.flags", "exit reason"])
  }

  /// Exits by an NMI.
  private static let stops: Set<String> = ["EXCEPTION_NMI", "NMI"]

  private static func waiting(_ facts: ThreadFacts) -> Conclusion {
    let duration = facts.queued ?? facts.absence
    let by = facts.queued == nil ? absenceSources(facts) : facts.task.lastQueued.map { [$0.source] } ?? []
    if let quota = facts.limits.throttling {
      return Conclusion(
        verdict: .throttled, isSuspect: isLong(duration), duration: duration,
        text:
          "throttled\(cpu(facts)) by the quota of control group \(TaskNames.group(quota.group))\(Quotas.text(quota)), waits"
          + lasting(duration),
        by: ["cfs_rq.throttled", quota.quota.source] + by)
    }
    if facts.task.policy?.isRealtime == true, facts.queue?.isRealtimeThrottled == true {
      return Conclusion(
        verdict: .throttled, isSuspect: isLong(duration), duration: duration,
        text: "throttled\(cpu(facts)) with all FIFO and RR threads, waits\(lasting(duration))",
        by: ["rq.rt.rt_throttled"] + by)
    }
    return Conclusion(
      verdict: .runnable, isSuspect: isLong(duration), duration: duration,
      text: "runnable\(cpu(facts))\(lasting(duration))\(behind(facts))", by: by + ["rq.curr"])
  }

  /// What its CPU runs instead.
  private static func behind(_ facts: ThreadFacts) -> String {
    guard let queue = facts.queue else { return "" }
    if queue.isIdle { return ", and that CPU is idle" }
    guard let current = queue.current, current.address != facts.task.address else { return "" }
    return " behind \(TaskNames.text(current))"
  }

  private static func stopped(_ facts: ThreadFacts) -> Conclusion {
    let isTraced = facts.task.state == .traced
    return Conclusion(
      verdict: isTraced ? .traced : .stopped, isSuspect: facts.absence.map { $0 >= limit } ?? true,
      duration: facts.absence,
      text: (isTraced ? "held by a tracer" : "stopped by a signal") + ", has not run\(lasting(facts.absence))",
      by: state(facts) + absenceSources(facts))
  }

  private static func blocked(_ facts: ThreadFacts) -> Conclusion {
    var text = "blocked (D)\(lasting(facts.absence))"
    if let channel = facts.channel { text += " in \(channel.function)" }
    if let owner = facts.owner { text += ", which \(TaskNames.text(owner.comm, owner.tid)) holds" }
    if facts.limits.freeze != nil { text += ", and is to be frozen" }
    return Conclusion(
      verdict: .blocked, isSuspect: isLong(facts.absence), duration: facts.absence, text: text,
      by: state(facts) + absenceSources(facts))
  }

  private static func sleeping(_ facts: ThreadFacts, _ vcpu: VCPUContext?) -> Conclusion {
    let place = facts.channel.map { " in \($0.function)" } ?? ""
    var conclusion = Conclusion(
      verdict: .sleeping, duration: facts.absence, text: "sleeps\(place)\(lasting(facts.absence))",
      by: state(facts) + absenceSources(facts))
    guard let vcpu else { return conclusion }
    if facts.isFutexWaiter {
      conclusion.text = "waits for another thread of its VMM\(lasting(facts.absence))"
      conclusion.by.append("wait channel")
      if vcpu.isVMMIdle {
        conclusion.verdict = .paused
        conclusion.text = "paused by its VMM\(lasting(facts.absence))"
        conclusion.by.append("wait channel of the VMM's first thread")
      }
    } else if facts.channel?.function.hasPrefix("kvm_") == true || facts.channel == nil && vcpu.mpState == "HALTED" {
      conclusion.verdict = .halted
      conclusion.text = "halted, its guest has nothing to do\(lasting(facts.absence))"
      if vcpu.mpState != nil { conclusion.by.append("kvm_vcpu.arch.mp_state") }
    }
    return conclusion
  }
}

/// Durations as people read them.
enum Seconds {
  /// "22.4 s", "0.07 s".
  static func text(_ nanoseconds: UInt64) -> String {
    let (unit, digits): (UInt64, Int) = nanoseconds >= 1_000_000_000 ? (100_000_000, 1) : (10_000_000, 2)
    let rounded = nanoseconds / unit + (nanoseconds % unit * 2 >= unit ? 1 : 0)
    let scale: UInt64 = digits == 1 ? 10 : 100
    let rest = String(rounded % scale)
    return "\(rounded / scale)." + String(repeating: "0", count: digits - rest.count) + rest + " s"
  }
}

enum TaskNames {
  /// "hog (pid 607, FIFO 50)".
  static func text(_ task: ScheduledTask) -> String {
    let policy = task.policy.map { ", \($0)" } ?? ""
    return "\(name(task.comm)) (pid \(task.tid)\(policy))"
  }

  static func text(_ comm: String?, _ tid: UInt64) -> String { "\(name(comm)) (pid \(tid))" }

  static func group(_ path: String?) -> String { path.map { HostileText.escaped($0) } ?? "(not known)" }

  /// Tenants choose their names.
  private static func name(_ comm: String?) -> String { comm.map { HostileText.escaped($0) } ?? "a thread" }
}

enum Quotas {
  /// " (10 ms in each 100 ms)".
  static func text(_ quota: TaskLimits.Quota) -> String {
    guard let period = quota.period else { return "" }
    return " (\(milliseconds(quota.quota.value)) in each \(milliseconds(period.value)))"
  }

  private static func milliseconds(_ nanoseconds: UInt64) -> String {
    let tenths = nanoseconds / 100_000
    return tenths % 10 == 0 ? "\(tenths / 10) ms" : "\(tenths / 10).\(tenths % 10) ms"
  }
}

/// What keeps a task from running though it could: the quota of a control group of it, and a frozen one.
/// Source: kernel/sched/fair.c, CFS bandwidth control; kernel/cgroup/freezer.c, legacy_freezer.c.
struct TaskLimits: Sendable {
  /// A control group with a quota of CPU time: cpu.max, or cpu.cfs_quota_us of the older hierarchy.
  struct Quota: Sendable {
    let group: String?
    /// Nanoseconds that it may run in each period.
    let quota: Reading
    let period: Reading?
    /// Nanoseconds that are left of the period's.
    let runtime: Reading?
    /// Periods so far, and those in which it was throttled.
    let periods: Reading?
    let throttledPeriods: Reading?
    /// On the task's CPU.
    let isThrottled: Bool
    let since: Reading?
  }

  /// A control group that is frozen, or being frozen.
  struct Freeze: Sendable {
    /// The group that was told to: the task's own or one above it.
    let group: String?
    /// The task has stopped for it.
    let hasStopped: Bool
    /// "cgroup2" or "cgroup1".
    let source: String
    /// Nanoseconds on the monotonic clock, where the kernel keeps it.
    let since: Reading?
  }

  private(set) var quotas: [Quota] = []
  private(set) var freeze: Freeze?

  /// The outermost group that has used up its quota on the task's CPU.
  var throttling: Quota? { quotas.last(where: \.isThrottled) }

  /// Groups above each other at most.
  private static let depthLimit = 64
  private static let controllerLimit = 64
  /// Of `freezer.state`. Source: kernel/cgroup/legacy_freezer.c.
  private static let freezingSelf: UInt64 = 2
  private static let freezing: UInt64 = 6
  /// PF_FROZEN up to 6.0, then TASK_FROZEN. Source: include/linux/sched.h.
  private static let frozenFlag: UInt64 = 0x10000

  init(of task: ScheduledTask, _ host: HostScheduler, _ processes: ProcessPlaces) {
    let reader = host.kernel.reader
    if let group = reader.object(host.places.task.group, at: task.address) {
      readQuotas(from: group, task, host, processes, reader)
    }
    guard let set = reader.object(host.places.task.cgroups, at: task.address) else { return }
    freeze =
      unified(set, task, host.places, processes, reader) ?? legacy(set, task, host, processes, reader)
  }

  private mutating func readQuotas(
    from first: VirtualAddress, _ task: ScheduledTask, _ host: HostScheduler, _ processes: ProcessPlaces,
    _ reader: KernelReader
  ) {
    let places = host.places.group
    var group: VirtualAddress? = first
    var depth = 0
    while let own = group, depth < Self.depthLimit {
      depth += 1
      group = reader.object(places.parent, at: own)
      // The root has none.
      guard group != nil, let quota = reader.reading(places.quota, at: own), quota.value != .max, quota.value != 0
      else { continue }
      let queue = self.queue(of: own, task, host, reader)
      let isThrottled = queue.flatMap { reader.reading(places.isThrottled, at: $0) }.map { $0.value != 0 } ?? false
      quotas.append(
        Quota(
          group: reader.object(places.cgroup, at: own).flatMap { Self.path($0, processes, reader) }, quota: quota,
          period: reader.reading(places.period, at: own), runtime: reader.reading(places.runtime, at: own),
          periods: reader.reading(places.periods, at: own),
          throttledPeriods: reader.reading(places.throttledPeriods, at: own), isThrottled: isThrottled,
          since: isThrottled ? queue.flatMap { reader.reading(places.throttledSince, at: $0) } : nil))
    }
  }

  /// A group's queue on the task's CPU.
  private func queue(
    of group: VirtualAddress, _ task: ScheduledTask, _ host: HostScheduler, _ reader: KernelReader
  ) -> VirtualAddress? {
    guard let cpu = task.cpu.flatMap({ Int(exactly: $0.value) }), case .success(let path) = host.places.group.queues,
      let value = reader.reading(host.places.group.queues, at: group)?.value
    else { return nil }
    // A per-CPU variable's pointer points at a cfs_rq, an array's at pointers.
    if path.member.pointee == "cfs_rq" { return host.perCPU(value, of: cpu) }
    guard host.queues[cpu] != nil, reader.kernel.isPointer(value),
      let queue = reader.kernel.u64(value &+ UInt64(cpu) * 8), reader.kernel.isPointer(queue)
    else { return nil }
    return VirtualAddress(rawValue: queue)
  }

  private static func path(
    _ group: VirtualAddress, _ processes: ProcessPlaces, _ reader: KernelReader
  ) -> String? {
    try? CgroupPath.path(ofGroup: group, processes.cgroup, reader)
  }

  // MARK: Freezers

  private func unified(
    _ set: VirtualAddress, _ task: ScheduledTask, _ places: SchedulerPlaces, _ processes: ProcessPlaces,
    _ reader: KernelReader
  ) -> Freeze? {
    let own = places.freezer
    guard let first = reader.object(own.unified, at: set),
      let effective = reader.reading(own.isEffective, at: first), effective.value != 0
    else { return nil }
    var asked: VirtualAddress?
    var group: VirtualAddress? = first
    var depth = 0
    while let at = group, depth < Self.depthLimit {
      depth += 1
      if let value = reader.reading(own.isAsked, at: at)?.value, value != 0 { asked = at }
      group = reader.object(own.parent, at: at).flatMap { reader.object(own.ofState, at: $0) }
    }
    let stopped = reader.reading(places.task.isFrozen, at: task.address).map { $0.value != 0 } ?? false
    return Freeze(
      group: Self.path(asked ?? first, processes, reader), hasStopped: stopped,
      source: own.isEffective.source ?? "cgroup2", since: asked.flatMap { reader.reading(own.since, at: $0) })
  }

  private func legacy(
    _ set: VirtualAddress, _ task: ScheduledTask, _ host: HostScheduler, _ processes: ProcessPlaces,
    _ reader: KernelReader
  ) -> Freeze? {
    let own = host.places.freezer
    guard let subsystem = try? host.kernel.symbol("freezer_cgrp_subsys"), case .success(let states) = own.states,
      case .success(let inner) = own.state,
      let all = try? reader.elements(states, at: set, limit: Self.controllerLimit).values
    else { return nil }
    var state = all.lazy.filter(reader.kernel.isPointer).map(VirtualAddress.init(rawValue:))
      .first { reader.object(own.subsystem, at: $0) == subsystem }
    var asked: VirtualAddress?
    var first: UInt64?
    var depth = 0
    while let at = state, depth < Self.depthLimit {
      depth += 1
      let value = reader.reading(own.freezerState, at: at &- UInt64(inner.member.offset))?.value ?? 0
      first = first ?? value
      if value & Self.freezingSelf != 0 { asked = at }
      state = reader.object(own.parentState, at: at)
    }
    guard let first, first & Self.freezing != 0 else { return nil }
    let stopped =
      (task.rawState?.value ?? 0) & TaskState.Bits.frozen != 0 || (task.flags?.value ?? 0) & Self.frozenFlag != 0
    return Freeze(
      group: asked.flatMap { reader.object(own.ofState, at: $0) }.flatMap { Self.path($0, processes, reader) },
      hasStopped: stopped, source: own.freezerState.source ?? "cgroup1", since: nil)
  }
}

extension ProcessPlaces.Place {
  /// The path, where the types know it.
  var source: String? { try? get().text }
}

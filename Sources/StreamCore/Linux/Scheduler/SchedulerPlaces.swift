/// Where a kernel keeps what its scheduler knows, by its own types: each place is known or not on its own, for members
/// have come and gone. Source: include/linux/sched.h, kernel/sched/sched.h.
struct SchedulerPlaces: Sendable {
  typealias Place = ProcessPlaces.Place

  let task: TaskPlaces
  let queue: QueuePlaces
  let group: TaskGroupPlaces
  let freezer: FreezerPlaces

  /// Types that are no module's and that nothing leads to: one pass finds them.
  private static let wanted: Set<String> = ["rq", "cfs_rq", "task_group", "cgroup", "freezer", "orc_entry", "cyc2ns"]

  init(_ types: KernelTypes) {
    try? types.search(Self.wanted)
    task = TaskPlaces(types)
    queue = QueuePlaces(types)
    group = TaskGroupPlaces(types)
    freezer = FreezerPlaces(types)
  }
}

/// Of a `task_struct`.
struct TaskPlaces: Sendable {
  typealias Place = ProcessPlaces.Place

  let pid: Place
  let tgid: Place
  let comm: Place
  /// Its name up to 5.13 is `state`.
  let state: Place
  let exitState: Place
  let flags: Place
  let onCPU: Place
  let onQueue: Place
  let cpu: Place
  let policy: Place
  let staticPriority: Place
  let realtimePriority: Place
  /// `sched_info`, which not every kernel is built with. Source: include/linux/sched.h.
  let lastArrival: Place
  let lastQueued: Place
  let runDelay: Place
  let runs: Place
  /// On the queue's `clock_task`.
  let execStart: Place
  let runtime: Place
  let allowed: Place
  let isFrozen: Place
  let group: Place
  let cgroups: Place
  let leader: Place
  let threads: Place
  let threadNode: Place
  /// Where threads of `signal_struct` begin.
  let signal: Place
  let stackPointer: Place
  let stack: Place
  /// What it waits for: a `struct mutex`, where the kernel notes that (always since 6.17, and with lock debugging a
  /// `struct mutex_waiter`); an rt_mutex by its waiter.
  let blockedOn: Place
  let rtWaiterLock: Place
  let rtOwner: Place
  let mutexOwner: Place

  init(_ types: KernelTypes) {
    pid = types.place("task_struct.pid")
    tgid = types.place("task_struct.tgid")
    comm = types.place("task_struct.comm")
    state = types.place("task_struct.__state", "task_struct.state")
    exitState = types.place("task_struct.exit_state")
    flags = types.place("task_struct.flags")
    onCPU = types.place("task_struct.on_cpu")
    onQueue = types.place("task_struct.on_rq")
    // In `thread_info` since 5.16.
    cpu = types.place("task_struct.thread_info.cpu", "task_struct.cpu")
    policy = types.place("task_struct.policy")
    staticPriority = types.place("task_struct.static_prio")
    realtimePriority = types.place("task_struct.rt_priority")
    lastArrival = types.place("task_struct.sched_info.last_arrival")
    lastQueued = types.place("task_struct.sched_info.last_queued")
    runDelay = types.place("task_struct.sched_info.run_delay")
    runs = types.place("task_struct.sched_info.pcount")
    execStart = types.place("task_struct.se.exec_start")
    runtime = types.place("task_struct.se.sum_exec_runtime")
    allowed = types.place(
      "task_struct.cpus_ptr->bits", "task_struct.cpus_mask.bits", "task_struct.cpus_allowed.bits")
    isFrozen = types.place("task_struct.frozen")
    group = types.place("task_struct.sched_task_group")
    cgroups = types.place("task_struct.cgroups")
    leader = types.place("task_struct.group_leader")
    signal = types.place("task_struct.signal")
    threads = types.place("signal_struct.thread_head")
    threadNode = types.place("task_struct.thread_node")
    stackPointer = types.place("task_struct.thread.sp")
    stack = types.place("task_struct.stack")
    blockedOn = types.place("task_struct.blocked_on")
    rtWaiterLock = types.place("task_struct.pi_blocked_on->lock")
    // Its `rtmutex` since 5.15 is an rt_mutex_base.
    rtOwner = types.place("rt_mutex_base.owner", "rt_mutex.owner")
    mutexOwner = types.place("mutex.owner.counter", "mutex.owner.refs.counter")
  }
}

/// Of a CPU's `struct rq`.
struct QueuePlaces: Sendable {
  typealias Place = ProcessPlaces.Place

  let cpu: Place
  let clock: Place
  let clockTask: Place
  let current: Place
  let idle: Place
  let running: Place
  let realtimeRunning: Place
  /// Up to 6.x RT tasks as such can be throttled.
  let isRealtimeThrottled: Place
  /// All fair tasks of the queue.
  let fairTasks: Place
  /// Of a `task_struct`, its node there.
  let fairNode: Place

  init(_ types: KernelTypes) {
    cpu = types.place("rq.cpu")
    clock = types.place("rq.clock")
    clockTask = types.place("rq.clock_task")
    current = types.place("rq.curr")
    idle = types.place("rq.idle")
    running = types.place("rq.nr_running")
    realtimeRunning = types.place("rq.rt.rt_nr_running")
    isRealtimeThrottled = types.place("rq.rt.rt_throttled")
    fairTasks = types.place("rq.cfs_tasks")
    fairNode = types.place("task_struct.se.group_node")
  }
}

/// Of a `task_group` and its queue on one CPU, a `cfs_rq`.
struct TaskGroupPlaces: Sendable {
  typealias Place = ProcessPlaces.Place

  let parent: Place
  let cgroup: Place
  let quota: Place
  let period: Place
  let runtime: Place
  let periods: Place
  let throttledPeriods: Place
  let throttledTime: Place
  /// An array of pointers by CPU; since 7.x a per-CPU variable.
  let queues: Place
  let isThrottled: Place
  /// On the queue's clock.
  let throttledSince: Place
  let remaining: Place

  init(_ types: KernelTypes) {
    parent = types.place("task_group.parent")
    cgroup = types.place("task_group.css.cgroup")
    quota = types.place("task_group.cfs_bandwidth.quota")
    period = types.place("task_group.cfs_bandwidth.period")
    runtime = types.place("task_group.cfs_bandwidth.runtime")
    periods = types.place("task_group.cfs_bandwidth.nr_periods")
    throttledPeriods = types.place("task_group.cfs_bandwidth.nr_throttled")
    throttledTime = types.place("task_group.cfs_bandwidth.throttled_time")
    queues = types.place("task_group.cfs_rq")
    isThrottled = types.place("cfs_rq.throttled")
    throttledSince = types.place("cfs_rq.throttled_clock")
    remaining = types.place("cfs_rq.runtime_remaining")
  }
}

/// Of the freezers of both generations of control groups. Source: include/linux/cgroup-defs.h,
/// kernel/cgroup/legacy_freezer.c.
struct FreezerPlaces: Sendable {
  typealias Place = ProcessPlaces.Place

  /// `css_set.dfl_cgrp`, a `struct cgroup`.
  let unified: Place
  /// This group is to be frozen; this or one above it is.
  let isAsked: Place
  let isEffective: Place
  /// On the monotonic clock, where the kernel keeps it.
  let since: Place
  let parent: Place
  /// `cgroup_subsys_state.cgroup`.
  let ofState: Place
  /// `css_set.subsys[]`.
  let states: Place
  let subsystem: Place
  let parentState: Place
  /// `struct freezer` of a state, by its state's place in it.
  let state: Place
  let freezerState: Place

  init(_ types: KernelTypes) {
    unified = types.place("css_set.dfl_cgrp")
    isAsked = types.place("cgroup.freezer.freeze")
    isEffective = types.place("cgroup.freezer.e_freeze")
    since = types.place("cgroup.freezer.freeze_start_nsec")
    parent = types.place("cgroup.self.parent")
    ofState = types.place("cgroup_subsys_state.cgroup")
    states = types.place("css_set.subsys")
    subsystem = types.place("cgroup_subsys_state.ss")
    parentState = types.place("cgroup_subsys_state.parent")
    state = types.place("freezer.css")
    freezerState = types.place("freezer.state")
  }
}

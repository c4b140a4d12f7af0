/// All that is known of why a thread runs or does not: what the kernel keeps, and what follows by arithmetic.
struct ThreadFacts: Sendable {
  let task: ScheduledTask
  let limits: TaskLimits
  let cgroup: String?
  /// CPUs that it may run on, "0-3,5".
  let allowed: String?
  let channel: WaitChannel?
  let owner: LockOwner?
  /// Of its CPU.
  let queue: RunQueue?
  /// Nanoseconds that it had waited for a CPU at the instant.
  let queued: UInt64?
  /// Nanoseconds that it had not run at the instant.
  let absence: UInt64?
  /// When its group began to be frozen, on the clock of the run queues, where the kernel keeps it.
  let freezeBegan: (time: UInt64, uncertainty: UInt64)?

  init(
    _ task: ScheduledTask, _ host: HostScheduler, _ processes: ProcessPlaces, _ channels: inout WaitChannels
  ) {
    self.task = task
    limits = TaskLimits(of: task, host, processes)
    cgroup = try? CgroupPath.of(task.address, processes, host.kernel.reader)
    allowed = task.allowed?.text(below: host.cpuCount)
    channel = task.state == .runnable ? nil : channels.channel(of: task)
    owner = LockOwner(of: task, host.places.task, host.kernel.reader)
    queue = task.cpu.flatMap { host.queues[Int(truncatingIfNeeded: $0.value)] }
    queued = task.state == .runnable ? host.queued(task) : nil
    absence = task.state == .running ? nil : host.absence(task)
    // 0 where it was not noted.
    let since = limits.freeze?.since?.value ?? 0
    freezeBegan = since == 0 ? nil : host.time?.log(monotonic: since)
  }

  /// It waits in user space for another thread of its own.
  var isFutexWaiter: Bool { channel.map { $0.function.contains("futex_") } ?? false }

  /// It waits for events, as the main loop of a VMM that has nothing to do.
  var awaitsEvents: Bool {
    guard let function = channel?.function else { return false }
    return Self.eventWaits.contains { function.contains($0) }
  }

  /// Source: fs/select.c, fs/eventpoll.c.
  private static let eventWaits = ["poll", "do_select"]
}

/// A CPU's run queue. What cannot be read is `nil`.
struct RunQueue: Sendable {
  let cpu: Int
  /// Nanoseconds, `sched_clock` of that CPU.
  let clock: Reading
  /// The same without time that interrupts and the host below took, where the kernel accounts for that.
  let clockTask: Reading?
  /// What it runs.
  let current: ScheduledTask?
  let isIdle: Bool
  /// Tasks that are runnable on it, the current one among them.
  let running: Reading?
  /// Of these, FIFO and RR.
  let realtimeRunning: Reading?
  let isRealtimeThrottled: Bool
  /// Fair tasks that wait, as far as they are read.
  let waiting: [ScheduledTask]
  /// Where their list could not be followed.
  let cut: KernelListWalk.Cut?

  /// Tasks of one queue that are read at most.
  static let waitingLimit = 256

  /// - Parameter address: of its `struct rq`.
  /// - Returns: `nil` where no run queue of that CPU stands there, or it has no clock.
  init?(of cpu: Int, at address: VirtualAddress, _ places: SchedulerPlaces, _ reader: KernelReader) {
    let queue = places.queue
    guard reader.reading(queue.cpu, at: address)?.value == UInt64(cpu),
      let clock = reader.reading(queue.clock, at: address)
    else { return nil }
    self.cpu = cpu
    self.clock = clock
    clockTask = reader.reading(queue.clockTask, at: address)
    let current = reader.object(queue.current, at: address)
    isIdle = current != nil && current == reader.object(queue.idle, at: address)
    self.current = current.flatMap { try? ScheduledTask(at: $0, places.task, reader) }
    running = reader.reading(queue.running, at: address)
    realtimeRunning = reader.reading(queue.realtimeRunning, at: address)
    isRealtimeThrottled = reader.reading(queue.isRealtimeThrottled, at: address).map { $0.value != 0 } ?? false
    guard case .success(let list) = queue.fairTasks, case .success(let node) = queue.fairNode else {
      waiting = []
      cut = nil
      return
    }
    let walk = KernelListWalk(
      head: address &+ UInt64(list.member.offset), kernel: reader.kernel, limit: Self.waitingLimit)
    cut = walk.cut
    waiting = walk.nodes.compactMap { try? ScheduledTask(at: $0 &- UInt64(node.member.offset), places.task, reader) }
      .filter { $0.address != current && $0.state == .runnable }
  }
}

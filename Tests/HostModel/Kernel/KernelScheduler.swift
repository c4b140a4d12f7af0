/// Writes what a scheduler knows into the memory of a kernel that describes itself. Addresses are physical.
public struct KernelScheduler: Sendable {
  public let kernel: BuiltKernel
  public let shape: KernelShape

  /// What a task does, in the numbers of the kernel's headers.
  public struct Task: Sendable {
    public var state: UInt64 = 0
    public var onCPU = false
    public var cpu: UInt64 = 0
    public var policy: UInt64 = 0
    public var realtimePriority: UInt64 = 0
    public var nice: Int64 = 0
    public var flags: UInt64 = 0
    public var isFrozen = false
    public var arrival: UInt64 = 0
    public var queued: UInt64 = 0
    public var delay: UInt64 = 0
    public var runs: UInt64 = 0
    public var lastStart: UInt64 = 0
    public var isOnQueue = true
    public var allowed: UInt64 = 3

    public init() {}
  }

  public init?(_ kernel: BuiltKernel) {
    guard let own = kernel.description.selfDescription else { return nil }
    self.kernel = kernel
    shape = own.shape
  }

  /// `task_struct.stack`, and the words that damage is done to.
  public static let stackPlace = KernelShape.stack
  public var groupsPlace: UInt64 { shape.cgroups }
  public var taskGroupPlace: UInt64 { KernelShape.taskGroup }
  public var queueNodePlace: UInt64 { KernelShape.taskEntity + shape.entityNode }
  public var groupParentPlace: UInt64 { shape.groupParent }
  public var quotaPlace: UInt64 { shape.groupBandwidth + KernelShape.bandwidthQuota }

  private func virtual(_ physical: UInt64) -> UInt64 { kernel.virtual(physical) }

  /// `struct rq` of a CPU.
  public func queue(_ cpu: Int) -> UInt64 { kernel.perCPU[cpu] + KernelShape.perCPUQueue }

  /// The task of a `struct pid`.
  public func task(ofPID pid: UInt64, in memory: SparseMemory) -> UInt64 {
    memory.load(pid + KernelShape.pidTasks) - kernel.directMap - shape.links
  }

  public func write(_ task: Task, at place: UInt64, in memory: inout SparseMemory) {
    let entity = place + KernelShape.taskEntity
    let info = place + KernelShape.taskInfo
    let words: [(UInt64, UInt64)] = [
      (entity + shape.entityStart, task.lastStart), (info + KernelShape.infoRuns, task.runs),
      (info + KernelShape.infoDelay, task.delay), (info + shape.infoArrival, task.arrival),
      (info + shape.infoQueued, task.queued), (place + KernelShape.taskMask, task.allowed),
      (place + KernelShape.taskMaskPointer, virtual(place + KernelShape.taskMask)),
    ]
    for (address, value) in words { memory.store(value, at: address) }
    let halves: [(UInt64, UInt64)] = [
      (place + shape.taskState, task.state), (place + KernelShape.onCPU, task.onCPU ? 1 : 0),
      (place + shape.taskCPU, task.cpu), (place + KernelShape.taskPolicy, task.policy),
      (place + KernelShape.taskRealtimePriority, task.realtimePriority), (place + KernelShape.taskFlags, task.flags),
      (place + KernelShape.taskStaticPriority, UInt64(bitPattern: 120 + task.nice)),
      (place + KernelShape.taskOnQueue, task.isOnQueue ? 1 : 0),
      (place + KernelShape.taskFrozen, task.isFrozen ? 1 << 11 : 0),
    ]
    for (address, value) in halves { memory.store(value, at: address, width: 4) }
  }

  /// A task of nobody's process: its name and number alone.
  public func name(_ comm: String, pid: UInt64, at place: UInt64, in memory: inout SparseMemory) {
    memory.write(comm.utf8.prefix(15), at: place + shape.comm)
    memory.store(pid, at: place + shape.pid, width: 4)
    memory.store(pid, at: place + shape.tgid, width: 4)
  }

  public func write(
    cpu: Int, clock: UInt64, current: UInt64, isIdle: Bool = false, running: UInt64, waiting: [UInt64] = [],
    in memory: inout SparseMemory
  ) {
    let queue = queue(cpu)
    memory.store(clock, at: queue + shape.queueClock)
    memory.store(clock, at: queue + shape.queueClockTask)
    memory.store(virtual(current), at: queue + shape.queueCurrent)
    if isIdle { memory.store(virtual(current), at: queue + shape.queueIdle) }
    memory.store(running, at: queue + shape.queueRunning, width: 4)
    let places = [queue + shape.queueTasks] + waiting.map { $0 + KernelShape.taskEntity + shape.entityNode }
    BuiltKernel.close(places.map { virtual($0) }, at: places, in: &memory)
  }

  public func panic(on cpu: UInt64, in memory: inout SparseMemory) {
    memory.store(cpu, at: kernel.image + BuiltKernel.DataPlace.panicCPU, width: 4)
  }

  /// A task's stack as `__switch_to_asm` and a chain of calls leave it, from `bytes` before the stack's end on.
  /// - Parameters:
  ///   - stack: physical, of the last page of the stack, whose virtual address is `base`.
  ///   - others: return addresses in functions that are not the kernel's own.
  public func sleep(
    _ task: UInt64, in functions: [String], stack: UInt64, base: UInt64, others: [String: UInt64] = [:],
    memory: inout SparseMemory
  ) {
    let offset: UInt64 = 0x400
    let addresses = (["__schedule", "schedule"] + functions).compactMap { others[$0] ?? kernel.returnAddress($0) }
    // `__schedule` saves BP: the frame of `__switch_to_asm` below it names where.
    let frame = stack + offset
    memory.store(base + offset + 56, at: frame + 40)
    memory.store(addresses[0], at: frame + 48)
    var at = frame + 56 + 8
    for address in addresses.dropFirst() {
      memory.store(address, at: at)
      at += 64
    }
    memory.store(base + offset, at: task + shape.taskThread + KernelShape.threadPointer)
    memory.store(base &- 0x3000, at: task + KernelShape.stack)
  }

  // MARK: Control groups

  /// Puts a task into a `task_group` with a quota, and that into another.
  /// - Parameter page: room for the group, its queues and their table.
  public func limit(
    _ task: UInt64, group page: UInt64, parent: UInt64, quota: UInt64, period: UInt64, throttledOn cpu: Int?,
    since: UInt64 = 0, in memory: inout SparseMemory
  ) {
    memory.store(virtual(page), at: task + KernelShape.taskGroup)
    memory.store(virtual(parent), at: page + shape.groupParent)
    // `css.cgroup`: that of the task's set.
    memory.store(memory.load(set(of: task, in: memory) + KernelShape.defaultCgroup), at: page)
    let bandwidth = page + shape.groupBandwidth
    memory.store(period, at: bandwidth + KernelShape.bandwidthPeriod)
    memory.store(quota, at: bandwidth + KernelShape.bandwidthQuota)
    memory.store(40, at: bandwidth + KernelShape.bandwidthPeriods, width: 4)
    memory.store(30, at: bandwidth + KernelShape.bandwidthPeriods + 4, width: 4)
    for (number, area) in kernel.perCPU.enumerated() {
      let queue = shape.hasPerCPUQueues ? area + KernelShape.perCPUGroups : page + 0x400 + UInt64(number) * 448
      let isThrottled = number == cpu
      memory.store(isThrottled ? 1 : 0, at: queue + shape.fairThrottled, width: 4)
      memory.store(isThrottled ? since : 0, at: queue + shape.fairSince)
      if !shape.hasPerCPUQueues { memory.store(virtual(queue), at: page + 0x300 + UInt64(number) * 8) }
    }
    let queues = shape.hasPerCPUQueues ? kernel.perCPUSymbol(KernelShape.perCPUGroups) : virtual(page + 0x300)
    memory.store(queues, at: page + shape.groupQueues)
  }

  private func set(of task: UInt64, in memory: SparseMemory) -> UInt64 {
    memory.load(task + shape.cgroups) - kernel.directMap
  }

  /// Freezes the control group of a task by the unified hierarchy: itself, or by the group above it.
  /// - Parameter since: `freeze_start_nsec`, where the kernel has it.
  public func freeze(_ task: UInt64, byParent: Bool = false, since: UInt64 = 0, in memory: inout SparseMemory) {
    let set = set(of: task, in: memory)
    let group = memory.load(set + KernelShape.defaultCgroup) - kernel.directMap
    memory.store(1, at: group + KernelShape.groupFreezer + shape.freezerEffective, width: 1)
    let asked = byParent ? memory.load(group + KernelShape.stateParent) - kernel.directMap : group
    memory.store(1, at: asked + KernelShape.groupFreezer, width: 1)
    if shape.keepsFreezeStart { memory.store(since, at: asked + KernelShape.groupFreezer + 16) }
  }

  /// The same by the older hierarchy.
  /// - Parameter page: room for the `struct freezer`.
  public func freezeLegacy(_ task: UInt64, freezer page: UInt64, in memory: inout SparseMemory) {
    let set = set(of: task, in: memory)
    memory.store(memory.load(memory.load(set + 8) - kernel.directMap), at: page)
    memory.store(kernel.stext + BuiltKernel.DataPlace.freezer, at: page + KernelShape.stateSubsystem)
    memory.store(0xb, at: page + KernelShape.freezerState, width: 4)
    memory.store(virtual(page), at: set + 16)
  }

  /// The task waits for a mutex that another holds.
  public func block(_ task: UInt64, on mutex: UInt64, heldBy owner: UInt64, in memory: inout SparseMemory) {
    memory.store(virtual(owner) | 1, at: mutex)
    memory.store(virtual(mutex), at: task + shape.taskBlockedOn)
  }
}

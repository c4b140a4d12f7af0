import HostModel

/// A built host whose scheduler a test sets: who runs, who waits and why. Times are nanoseconds of its clock.
package struct ScheduledHost {
  package private(set) var host: BuiltHost
  package let scheduler: KernelScheduler

  /// - Parameter recipe: of a host that describes itself.
  package init(_ recipe: String) throws(RecipeMistake) {
    host = try HostRecipe(recipe).build()
    guard let scheduler = KernelScheduler(host.kernel) else {
      throw RecipeMistake(line: 0, text: "a host without types has no scheduler to set")
    }
    self.scheduler = scheduler
    // Where nothing else is said, every CPU runs its idle task.
    let idle = host.kernel.image + BuiltKernel.DataPlace.initTask
    for cpu in 0..<host.spec.kernel.cpus { run(idle, on: cpu, at: 0, isIdle: true) }
  }

  /// The thread of a guest's vCPU.
  package func thread(_ guest: String, _ vcpu: Int = 0) -> UInt64 {
    guard let pid = host.guest(guest)?.vmm?.threads[vcpu] else { return 0 }
    return scheduler.task(ofPID: pid, in: host.memory)
  }

  /// The first thread of a guest's VMM.
  package func leader(_ guest: String) -> UInt64 { host.guest(guest)?.vmm?.leader ?? 0 }

  /// A task of no guest.
  package mutating func add(_ comm: String, pid: UInt64) throws(RecipeMistake) -> UInt64 {
    let place = try host.space.allocate(2, alignment: 2) << 12
    scheduler.name(comm, pid: pid, at: place, in: &host.space.memory)
    return place
  }

  package mutating func set(_ task: UInt64, _ change: (inout KernelScheduler.Task) -> Void) {
    var description = KernelScheduler.Task()
    change(&description)
    scheduler.write(description, at: task, in: &host.space.memory)
  }

  /// - Parameter waiting: fair tasks in its queue.
  package mutating func run(
    _ current: UInt64, on cpu: Int, at clock: UInt64, isIdle: Bool = false, waiting: [UInt64] = []
  ) {
    scheduler.write(
      cpu: cpu, clock: clock, current: current, isIdle: isIdle, running: UInt64(waiting.count + (isIdle ? 0 : 1)),
      waiting: waiting, in: &host.space.memory)
  }

  package mutating func panic(on cpu: UInt64) { scheduler.panic(on: cpu, in: &host.space.memory) }

  /// A vCPU's thread sleeps, called from these functions.
  package mutating func sleep(_ guest: String, _ vcpu: Int = 0, in functions: [String]) {
    guard let stack = host.guest(guest)?.vcpus[vcpu].stack else { return }
    scheduler.sleep(
      thread(guest, vcpu), in: functions, stack: stack.physical(0x3000), base: stack.virtual + 0x3000,
      others: ["kvm_vcpu_halt [kvm]": host.module.halt], memory: &host.space.memory)
  }

  /// The same of a VMM's first thread.
  package mutating func sleepLeader(of guest: String, in functions: [String]) {
    let task = leader(guest)
    let stack = host.memory.load(task + KernelScheduler.stackPlace)
    scheduler.sleep(
      task, in: functions, stack: stack - host.kernel.directMap + 0x3000, base: stack + 0x3000,
      memory: &host.space.memory)
  }

  package mutating func freeze(_ task: UInt64, byParent: Bool = false, since: UInt64 = 0) {
    scheduler.freeze(task, byParent: byParent, since: since, in: &host.space.memory)
  }

  package mutating func freezeLegacy(_ task: UInt64) throws(RecipeMistake) {
    let page = try host.space.allocatePage()
    scheduler.freezeLegacy(task, freezer: page, in: &host.space.memory)
  }

  /// Nanoseconds in each period of 100 ms.
  package mutating func limit(_ task: UInt64, to quota: UInt64, throttledOn cpu: Int?, since: UInt64 = 0)
    throws(RecipeMistake)
  {
    let root = try host.space.allocatePage()
    let page = try host.space.allocatePage()
    scheduler.limit(
      task, group: page, parent: root, quota: quota, period: 100_000_000, throttledOn: cpu, since: since,
      in: &host.space.memory)
  }

  /// A task group without a quota.
  /// - Returns: its place.
  package mutating func limitless(_ task: UInt64) throws(RecipeMistake) -> UInt64 {
    let page = try host.space.allocatePage()
    store(host.kernel.virtual(page), at: task + scheduler.taskGroupPlace)
    store(.max, at: page + scheduler.quotaPlace)
    return page
  }

  package mutating func block(_ task: UInt64, heldBy owner: UInt64) throws(RecipeMistake) {
    let page = try host.space.allocatePage()
    scheduler.block(task, on: page, heldBy: owner, in: &host.space.memory)
  }

  /// Damage: a word of physical memory.
  package mutating func store(_ value: UInt64, at place: UInt64) { host.space.memory.store(value, at: place) }
}

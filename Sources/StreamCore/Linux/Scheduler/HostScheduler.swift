/// What a host's kernel knows of who runs and who waits: its run queues, and the instant at which it stopped.
/// Source: kernel/sched/core.c, sched.h; kernel/panic.c, panic_cpu; arch/x86/kernel/crash.c, crashing_cpu.
struct HostScheduler: Sendable {
  let kernel: DescribedKernel
  let places: SchedulerPlaces
  /// By CPU.
  let queues: [Int: RunQueue]
  let instant: Instant?
  /// What its timekeeping says; `nil`: not known.
  let time: KeptTime?
  /// Why the queues are not all there.
  let fault: String?
  /// `__per_cpu_offset`.
  private let perCPU: [UInt64]

  /// When the host stopped, on the clock of the run queues.
  struct Instant: Sendable, Equatable {
    /// Nanoseconds.
    let clock: UInt64
    /// Whose clock it is.
    let cpu: Int
    /// How that CPU is known.
    let source: String
    /// It is the CPU that panicked, and its clock is of that moment.
    let isPanic: Bool
  }

  /// CPUs of a host at most. Source: arch/x86/Kconfig, NR_CPUS_RANGE_END.
  private static let cpuLimit = 8192
  /// Looked for in one pass with those of other rooms.
  static let symbols = WaitChannels.symbols.union([
    "__per_cpu_offset", "nr_cpu_ids", "runqueues", "panic_cpu", "crashing_cpu", "freezer_cgrp_subsys",
  ])

  init(_ kernel: DescribedKernel) {
    self.kernel = kernel
    places = SchedulerPlaces(kernel.types)
    var offsets: [UInt64] = []
    var queues: [Int: RunQueue] = [:]
    var fault: String?
    do throws(KernelSymbolFault) {
      offsets = try Self.perCPU(kernel)
      let place = try Self.value("runqueues", kernel)
      for (cpu, offset) in offsets.enumerated() {
        let address = VirtualAddress(rawValue: place &+ offset)
        queues[cpu] = RunQueue(of: cpu, at: address, places, kernel.reader)
      }
      if queues.isEmpty { fault = "no run queue can be read" }
    } catch { fault = "\(error)" }
    perCPU = offsets
    time = try? KeptTime(kernel)
    self.queues = queues
    self.fault = fault
    instant = Self.instant(kernel, queues)
  }

  /// What is added to a per-CPU variable's place for that of a CPU.
  private static func perCPU(_ kernel: DescribedKernel) throws(KernelSymbolFault) -> [UInt64] {
    let table = try kernel.symbol("__per_cpu_offset")
    let wanted = (try? kernel.symbol("nr_cpu_ids")).flatMap { try? kernel.kernel.integer($0, size: 4) }
    let count = min(Int(wanted ?? 1), cpuLimit)
    let bytes = kernel.kernel.readable(table, upTo: count * 8).bytes
    return (0..<bytes.count / 8).map { bytes.load($0 * 8) ?? 0 }
  }

  /// The place of a per-CPU variable, before a CPU's offset is added.
  private static func value(_ name: String, _ kernel: DescribedKernel) throws(KernelSymbolFault) -> UInt64 {
    let values = try kernel.values(name)
    guard values.count == 1 else { throw .ambiguous(name, count: values.count) }
    switch values[0] {
    case .perCPU(let value): return value
    case .address(let address): return address.rawValue
    }
  }

  /// A per-CPU object of one CPU.
  func perCPU(_ place: UInt64, of cpu: Int) -> VirtualAddress? {
    guard perCPU.indices.contains(cpu) else { return nil }
    return VirtualAddress(rawValue: place &+ perCPU[cpu])
  }

  /// The panicking CPU's clock; other CPUs run on until they are stopped, and what waits meanwhile does not count. Where
  /// that CPU is not known, or slept so that its clock is old, the oldest of the CPUs that were busy: no wait is said to
  /// be longer than it was.
  private static func instant(_ kernel: DescribedKernel, _ queues: [Int: RunQueue]) -> Instant? {
    for name in ["panic_cpu", "crashing_cpu"] {
      guard let place = try? kernel.symbol(name), let value = try? kernel.kernel.integer(place, size: 4),
        let queue = queues[Int(value)]
      else { continue }
      guard !queue.isIdle else {
        let later = queues.values.filter { !$0.isIdle && $0.clock.value >= queue.clock.value }
        return oldest(later, "a busy CPU's run queue: the panicking CPU \(queue.cpu) slept")
          ?? Instant(clock: queue.clock.value, cpu: queue.cpu, source: name, isPanic: false)
      }
      return Instant(clock: queue.clock.value, cpu: queue.cpu, source: name, isPanic: true)
    }
    let busy = queues.values.filter { !$0.isIdle }
    return oldest(busy.isEmpty ? Array(queues.values) : busy, "the oldest run queue: which CPU panicked is not known")
  }

  private static func oldest(_ queues: [RunQueue], _ source: String) -> Instant? {
    queues.min { ($0.clock.value, $0.cpu) < ($1.clock.value, $1.cpu) }
      .map { Instant(clock: $0.clock.value, cpu: $0.cpu, source: source, isPanic: false) }
  }

  /// CPUs that there can be, numbered from 0.
  var cpuCount: Int { perCPU.count }

  // MARK: Tasks

  func task(at address: VirtualAddress) throws(ProcessFault) -> ScheduledTask {
    try ScheduledTask(at: address, places.task, kernel.reader)
  }

  /// Threads of one process that are read at most: far above what a VMM has.
  private static let threadLimit = 1 << 14

  /// All threads of the process that a thread belongs to, its first one first; empty where they cannot be had.
  func threads(of task: VirtualAddress) -> [ScheduledTask] {
    let own = places.task
    guard let signal = kernel.reader.object(own.signal, at: task), case .success(let head) = own.threads,
      case .success(let node) = own.threadNode
    else { return [] }
    let walk = KernelListWalk(
      head: signal &+ UInt64(head.member.offset), kernel: kernel.kernel, limit: Self.threadLimit)
    return walk.nodes.compactMap { try? self.task(at: $0 &- UInt64(node.member.offset)) }
  }

  /// How long it has waited for a CPU at the instant, nanoseconds; `nil` where the kernel does not note that.
  func queued(_ task: ScheduledTask) -> UInt64? {
    guard let instant, let since = task.lastQueued?.value, since != 0 else { return nil }
    return instant.clock > since ? instant.clock - since : 0
  }

  /// When it last ran, on the clock of the run queues: when it was last accounted for, or came to a CPU after that.
  func lastRan(_ task: ScheduledTask) -> Reading? {
    var last = task.lastArrival.flatMap { $0.value == 0 ? nil : $0 }
    if var start = task.execStart, start.value != 0 {
      if let queue = task.cpu.flatMap({ queues[Int(truncatingIfNeeded: $0.value)] }), let own = queue.clockTask?.value,
        queue.clock.value > own
      {
        // Interrupts took this of the CPU's time so far: not all of it before the task left.
        start.value &+= queue.clock.value - own
      }
      if start.value > last?.value ?? 0 { last = start }
    }
    return last
  }

  /// How long it has not run at the instant, nanoseconds.
  func absence(_ task: ScheduledTask) -> UInt64? {
    guard let instant, let last = lastRan(task)?.value else { return nil }
    return instant.clock > last ? instant.clock - last : 0
  }
}

/// A thread as its host's scheduler has it. What cannot be read is `nil`.
struct ScheduledTask: Sendable {
  /// Its `task_struct`.
  let address: VirtualAddress
  let tid: UInt64
  let pid: UInt64?
  let comm: String?
  /// `nil`: the dump lacks it.
  let state: TaskState?
  let rawState: Reading?
  let flags: Reading?
  let cpu: Reading?
  let policy: TaskPolicy?
  /// Nanoseconds on the clock of its run queue, 0 for never.
  let lastArrival: Reading?
  let lastQueued: Reading?
  /// Nanoseconds that it waited in queues, without a wait that lasts.
  let runDelay: Reading?
  /// How often it came to a CPU.
  let runs: Reading?
  /// When it was last accounted for, nanoseconds on `clock_task` of its CPU.
  let execStart: Reading?
  /// Nanoseconds that it ran.
  let runtime: Reading?
  /// CPUs that it may run on; behind the host's last CPU bits mean nothing.
  let allowed: CPUMask?

  /// A task is a virtual CPU in its guest: PF_VCPU, set from entry to exit. Source: include/linux/sched.h.
  var isInGuest: Bool? { flags.map { $0.value & 1 != 0 } }

  /// - Throws: where no thread's number stands there.
  init(at address: VirtualAddress, _ places: TaskPlaces, _ reader: KernelReader) throws(ProcessFault) {
    self.address = address
    let tid = try ProcessFault.from { () throws(KernelFault) in try reader.value(places.pid, at: address) }
    // 0 is an idle task.
    guard tid < LinuxProcess.pidLimit else { throw .noPID(address, tid) }
    self.tid = tid
    pid = reader.reading(places.tgid, at: address)?.value
    comm = try? reader.text(places.comm, at: address)
    flags = reader.reading(places.flags, at: address)
    cpu = reader.reading(places.cpu, at: address)
    rawState = reader.reading(places.state, at: address)
    let onCPU = reader.reading(places.onCPU, at: address).map { $0.value != 0 }
    let exitState = reader.reading(places.exitState, at: address)?.value ?? 0
    state = rawState.flatMap { state in
      onCPU.map { TaskState(state: state.value & 0xffff_ffff, exitState: exitState, onCPU: $0) }
    }
    policy = reader.reading(places.policy, at: address).map {
      TaskPolicy(
        number: $0.value, realtimePriority: reader.reading(places.realtimePriority, at: address)?.value ?? 0,
        staticPriority: reader.reading(places.staticPriority, at: address)?.value)
    }
    lastArrival = reader.reading(places.lastArrival, at: address)
    lastQueued = reader.reading(places.lastQueued, at: address)
    runDelay = reader.reading(places.runDelay, at: address)
    runs = reader.reading(places.runs, at: address)
    execStart = reader.reading(places.execStart, at: address)
    runtime = reader.reading(places.runtime, at: address)
    allowed = (try? places.allowed.get()).flatMap { try? reader.elements($0, at: address, limit: Self.maskWords) }
      .map { CPUMask($0.values) }
  }

  /// Words of a mask at most: NR_CPUS is 8192.
  private static let maskWords = 128
}

/// CPUs as the kernel prints them. Source: lib/vsprintf.c, `%*pbl`.
struct CPUMask: Sendable, Equatable {
  private let words: [UInt64]

  init(_ words: [UInt64]) { self.words = words }

  /// "0-3,5"; empty for none.
  /// - Parameter count: of the host's CPUs.
  func text(below count: Int) -> String {
    var runs: [ClosedRange<Int>] = []
    for (index, word) in words.enumerated() where word != 0 {
      for bit in 0..<64 where word >> UInt64(bit) & 1 == 1 && index * 64 + bit < count {
        let cpu = index * 64 + bit
        if let last = runs.last, last.upperBound + 1 == cpu {
          runs[runs.count - 1] = last.lowerBound...cpu
        } else {
          runs.append(cpu...cpu)
        }
      }
    }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
  }
}

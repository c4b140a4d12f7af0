/// A process as its kernel has it: each thing is known, or why it is not.
struct LinuxProcess: Sendable {
  /// Of its first thread; of another where the first is lost.
  let task: VirtualAddress
  let pid: UInt64
  let comm: Result<String, ProcessFault>
  let uid: Result<UInt64, ProcessFault>
  /// Nanoseconds since the kernel booted.
  let started: Result<UInt64, ProcessFault>
  /// From the root of the hierarchy, "/machine.slice/…".
  let cgroup: Result<String, ProcessFault>

  /// One more than any process' number. Source: include/linux/threads.h, PID_MAX_LIMIT.
  static let pidLimit: UInt64 = 1 << 22

  /// - Parameter thread: `task_struct` of any of its threads.
  init(ofThread thread: VirtualAddress, _ places: ProcessPlaces, _ reader: KernelReader) throws(ProcessFault) {
    var task = thread
    var leaderFault: ProcessFault?
    var pid = try Self.pid(of: thread, places, reader)
    do throws(ProcessFault) {
      let leader = try Self.kernel { () throws(KernelFault) in try reader.pointer(places.leader, at: thread) }
      let own = try Self.pid(of: leader, places, reader)
      task = leader
      pid = own
    } catch { leaderFault = error }
    self.task = task
    self.pid = pid
    let known = { (body: () throws(ProcessFault) -> UInt64) -> Result<UInt64, ProcessFault> in
      Result { () throws(ProcessFault) in
        // These are the first thread's own.
        if let leaderFault { throw leaderFault }
        return try body()
      }
    }
    started = known { () throws(ProcessFault) in
      try Self.kernel { () throws(KernelFault) in try reader.value(places.started, at: task) }
    }
    comm = Result { () throws(ProcessFault) in
      if let leaderFault { throw leaderFault }
      return try Self.kernel { () throws(KernelFault) in try reader.text(places.comm, at: task) }
    }
    uid = Result { () throws(ProcessFault) in
      try Self.kernel { () throws(KernelFault) in try reader.value(places.uid, at: task) }
    }
    cgroup = Result { () throws(ProcessFault) in try CgroupPath.of(task, places, reader) }
  }

  private static func pid(
    of task: VirtualAddress, _ places: ProcessPlaces, _ reader: KernelReader
  ) throws(ProcessFault) -> UInt64 {
    let pid = try kernel { () throws(KernelFault) in try reader.value(places.tgid, at: task) }
    guard (1..<pidLimit).contains(pid) else { throw .noPID(task, pid) }
    return pid
  }

  /// Reads of the kernel, whose fault becomes the process'.
  static func kernel<T>(_ body: () throws(KernelFault) -> T) throws(ProcessFault) -> T {
    do throws(KernelFault) { return try body() } catch { throw .kernel(error) }
  }
}

/// A thread by its `struct pid`.
struct LinuxThread: Sendable, Equatable {
  let tid: UInt64
  /// `nil`: its `task_struct` is lost.
  let comm: String?
}

extension LinuxThread {
  /// - Parameter pid: `struct pid`.
  init(at pid: VirtualAddress, _ places: ProcessPlaces, _ reader: KernelReader) throws(ProcessFault) {
    tid = try LinuxProcess.kernel { () throws(KernelFault) in try reader.value(places.number, at: pid) }
    guard (1..<LinuxProcess.pidLimit).contains(tid) else { throw .noPID(pid, tid) }
    comm = try? reader.text(places.comm, at: try Self.task(of: pid, places, reader))
  }

  /// The `task_struct` that a `struct pid` names.
  static func task(
    of pid: VirtualAddress, _ places: ProcessPlaces, _ reader: KernelReader
  ) throws(ProcessFault) -> VirtualAddress {
    try LinuxProcess.kernel { () throws(KernelFault) in
      let node = try reader.pointer(places.thread, at: pid)
      return node &- UInt64(try KernelReader.known(places.threadLink).member.offset)
    }
  }
}

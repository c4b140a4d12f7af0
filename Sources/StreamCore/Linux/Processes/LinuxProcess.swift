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
    let pid = try Self.pid(of: thread, places, reader)
    do throws(ProcessFault) {
      let leader = try ProcessFault.from { () throws(KernelFault) in try reader.pointer(places.leader, at: thread) }
      let own = try Self.pid(of: leader, places, reader)
      guard own == pid else { throw .noPID(leader, own) }
      task = leader
    } catch { leaderFault = error }
    self.task = task
    self.pid = pid
    // These two are the first thread's own.
    comm = Self.known(leaderFault) { () throws(KernelFault) in try reader.text(places.comm, at: task) }
    started = Self.known(leaderFault) { () throws(KernelFault) in try reader.value(places.started, at: task) }
    uid = Self.known(nil) { () throws(KernelFault) in try reader.value(places.uid, at: task) }
    cgroup = Result { () throws(ProcessFault) in try CgroupPath.of(task, places, reader) }
  }

  private static func pid(
    of task: VirtualAddress, _ places: ProcessPlaces, _ reader: KernelReader
  ) throws(ProcessFault) -> UInt64 {
    let pid = try ProcessFault.from { () throws(KernelFault) in try reader.value(places.tgid, at: task) }
    guard (1..<pidLimit).contains(pid) else { throw .noPID(task, pid) }
    return pid
  }

  private static func known<T>(
    _ fault: ProcessFault?, _ body: () throws(KernelFault) -> T
  ) -> Result<T, ProcessFault> {
    if let fault { return .failure(fault) }
    return Result { () throws(ProcessFault) in try ProcessFault.from(body) }
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
    tid = try ProcessFault.from { () throws(KernelFault) in try reader.value(places.number, at: pid) }
    guard (1..<LinuxProcess.pidLimit).contains(tid) else { throw .noPID(pid, tid) }
    comm = try? reader.text(places.comm, at: try Self.task(of: pid, places, reader))
  }

  /// The `task_struct` that a `struct pid` names.
  static func task(
    of pid: VirtualAddress, _ places: ProcessPlaces, _ reader: KernelReader
  ) throws(ProcessFault) -> VirtualAddress {
    let (task, own) = try ProcessFault.from { () throws(KernelFault) in
      let node = try reader.pointer(places.thread, at: pid)
      let task = node &- UInt64(try KernelReader.known(places.threadLink).member.offset)
      return (task, try reader.pointer(places.threadPID, at: task))
    }
    guard own == pid else { throw .noTask }
    return task
  }
}

/// Who holds what a task waits for, where the kernel notes that: a mutex since 6.17, an rt_mutex always.
/// Source: include/linux/sched.h, blocked_on, pi_blocked_on; kernel/locking/mutex.c, rtmutex_common.h.
struct LockOwner: Sendable {
  let tid: UInt64
  let comm: String?
  let source: String

  /// Flags in an owner's word: three bits of a mutex, one of an rt_mutex.
  private static let flags: UInt64 = 7

  init?(of task: ScheduledTask, _ places: TaskPlaces, _ reader: KernelReader) {
    var owner: Reading?
    // With lock debugging it is a waiter.
    if case .success(let path) = places.blockedOn, path.member.pointee == "mutex",
      let lock = reader.object(places.blockedOn, at: task.address)
    {
      owner = reader.reading(places.mutexOwner, at: lock)
    }
    if owner == nil, let lock = reader.object(places.rtWaiterLock, at: task.address) {
      owner = reader.reading(places.rtOwner, at: lock)
    }
    guard let owner else { return nil }
    let address = VirtualAddress(rawValue: owner.value & ~Self.flags)
    guard address.rawValue != 0, address != task.address, reader.kernel.isPointer(address.rawValue),
      let holder = try? ScheduledTask(at: address, places, reader)
    else { return nil }
    tid = holder.tid
    comm = holder.comm
    source = owner.source
  }
}

/// The process that runs a VM: by its memory, by a vCPU's thread, else among all processes. Source:
/// include/linux/kvm_host.h, kvm.mm, kvm.userspace_pid, kvm_vcpu.pid; include/linux/mm_types.h, mm_struct.owner.
struct VMMSearch: Sendable {
  /// `struct mm_struct`.
  let mm: VirtualAddress?
  /// `struct pid` of vCPUs' threads.
  let threads: [VirtualAddress]
  /// The thread that made the VM, by its number.
  let pid: UInt64?

  func process(
    _ kernel: DescribedKernel, _ places: ProcessPlaces, _ budget: inout ProcessBudget
  ) -> Result<LinuxProcess, ProcessFault> {
    let reader = kernel.reader
    var fault: ProcessFault?
    if let mm {
      do throws(ProcessFault) {
        let task = try ProcessFault.from { () throws(KernelFault) in try reader.pointer(places.owner, at: mm) }
        if let found = try own(task, places, reader) { return .success(found) }
      } catch { fault = error }
    }
    for thread in threads {
      do throws(ProcessFault) {
        if let found = try own(try LinuxThread.task(of: thread, places, reader), places, reader) {
          return .success(found)
        }
      } catch { fault = fault ?? error }
    }
    if let found = listed(kernel, places, &budget) { return .success(found) }
    return .failure(fault ?? .noTask)
  }

  /// The process of a thread that has the VM's memory.
  private func own(
    _ task: VirtualAddress, _ places: ProcessPlaces, _ reader: KernelReader
  ) throws(ProcessFault) -> LinuxProcess? {
    // A thread that is ending has given its memory up, and so is believed.
    if let mm {
      let other = try ProcessFault.from { () throws(KernelFault) in try reader.pointer(places.mm, at: task) }
      guard other == mm || other.rawValue == 0 else { return nil }
    }
    return try LinuxProcess(ofThread: task, places, reader)
  }

  /// Among all processes: the one that has the memory, or where that is lost, the number.
  private func listed(
    _ kernel: DescribedKernel, _ places: ProcessPlaces, _ budget: inout ProcessBudget
  ) -> LinuxProcess? {
    let reader = kernel.reader
    guard mm != nil || pid != nil, budget.tasks > 0, let link = try? places.tasks.get().member.offset,
      let first = try? kernel.symbol("init_task")
    else { return nil }
    for node in KernelListWalk(head: first &+ UInt64(link), kernel: kernel.kernel).nodes {
      let task = node &- UInt64(link)
      budget.tasks -= 1
      if let mm {
        guard (try? reader.pointer(places.mm, at: task)) == mm else { continue }
      } else {
        guard (try? reader.value(places.tgid, at: task)) == pid else { continue }
      }
      if let process = try? LinuxProcess(ofThread: task, places, reader) { return process }
    }
    return nil
  }
}

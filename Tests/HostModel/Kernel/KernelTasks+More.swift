extension KernelTasks {
  /// More threads and open files of a process that is there.
  /// - Returns: `struct pid` of each thread.
  public mutating func extend<Space: FrameSpace>(
    _ process: BuiltProcess, by more: ProcessDescription, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> [UInt64] {
    let physical = { (virtual: UInt64) in virtual - kernel.directMap }
    let head = physical(space.memory.load(process.leader + shape.signal)) + KernelShape.threadHead
    var made: [UInt64] = []
    for thread in more.threads {
      let (task, pid) = try copy(process, thread, kernel: kernel, in: &space)
      let node = task + shape.threadNode
      let last = space.memory.load(head + 8)
      for (place, target) in [(node, kernel.virtual(head)), (physical(last), kernel.virtual(node))] {
        space.memory.store(target, at: place)
      }
      space.memory.store(last, at: node + 8)
      space.memory.store(kernel.virtual(node), at: head + 8)
      made.append(pid)
    }
    let files = physical(space.memory.load(process.leader + shape.files))
    let table = physical(space.memory.load(files + KernelShape.fdTable))
    let entries = physical(space.memory.load(table + 8))
    for file in more.files {
      guard let free = (3..<512 as Range<UInt64>).first(where: { space.memory.load(entries + $0 * 8) == 0 }) else {
        break
      }
      let place = try addFile(file, kernel: kernel, in: &space)
      space.memory.store(kernel.virtual(place), at: entries + free * 8)
    }
    return made
  }
}

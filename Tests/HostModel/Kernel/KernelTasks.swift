/// A process as it was built. Physical addresses.
public struct BuiltProcess: Sendable {
  public let leader: UInt64
  /// `struct mm_struct`, 0 for a kernel thread.
  public let memory: UInt64
  /// `struct pid` of each further thread.
  public let threads: [UInt64]
  public let description: ProcessDescription
  /// The frames of its command line.
  public let argumentFrames: Range<UInt64>?
}

/// The processes of a kernel that describes itself: task_struct, mm_struct, signal_struct, struct pid, open files.
/// Source: the headers that `KernelShape.structures` names.
public struct KernelTasks: Sendable {
  let shape: KernelShape
  private var tasks: KernelSlab
  private var pids = KernelSlab(objectSize: 128, slabFrames: 1)
  private var memories = KernelSlab(objectSize: KernelShape.memorySize, slabFrames: 8)
  private var signals = KernelSlab(objectSize: KernelShape.signalSize, slabFrames: 8)
  private var files = KernelSlab(objectSize: 768, slabFrames: 4)
  private var names: KernelNames
  var objects = MappingSlabs()
  /// What is swapped out and in memory; `nil`: nothing.
  public var swap: KernelSwap?
  /// Physical addresses of the leaders, in the order of creation.
  private var leaders: [UInt64] = []

  /// - Parameter kernel: one that describes itself; others get no processes.
  public init?<Space: FrameSpace>(kernel: BuiltKernel, in space: inout Space) throws(Space.Failure) {
    guard let own = kernel.description.selfDescription else { return nil }
    shape = own.shape
    names = KernelNames(shape)
    tasks = KernelSlab(objectSize: shape.taskSize, slabFrames: 8)
    let first = kernel.image + BuiltKernel.DataPlace.initTask
    space.memory.write("swapper/0".utf8, at: first + shape.comm)
    leaders.append(first)
    for (number, name) in ["systemd", "kthreadd"].enumerated() {
      let process = ProcessDescription(
        name: name, pid: UInt64(number + 1), arguments: number == 0 ? ["/sbin/init"] : [])
      let root = number == 0 ? try space.allocatePage() : nil
      _ = try add(process, root: root, kernel: kernel, in: &space)
      if let root { kernel.tables.copyKernelHalf(to: PageTables(root: root, levels: 0), in: &space.memory) }
    }
    link(kernel: kernel, in: &space.memory)
  }

  /// Adds a process, not yet to the list of all.
  /// - Parameter root: of its page tables, `nil` for a kernel thread.
  public mutating func add<Space: FrameSpace>(
    _ process: ProcessDescription, root: UInt64?, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> BuiltProcess {
    let leader = try tasks.allocate(in: &space)
    leaders.append(leader)
    var memory: UInt64 = 0
    var argumentFrames: Range<UInt64>?
    if let root {
      memory = try memories.allocate(in: &space)
      space.memory.store(kernel.virtual(root), at: memory + shape.pgd)
      space.memory.store(kernel.virtual(leader), at: memory + shape.owner)
      argumentFrames = try writeArguments(process, memory: memory, root: root, kernel: kernel, in: &space)
    }
    let signal = try signals.allocate(in: &space)
    var ring = [signal + KernelShape.threadHead]
    var threads: [UInt64] = []
    let main = (name: process.name, pid: process.pid, stack: try kernel.virtual(space.allocate(4, alignment: 4) << 12))
    let table = try writeFiles(process, kernel: kernel, in: &space)
    let named = try names.process(process, kernel: kernel, in: &space)
    for (number, thread) in ([main] + process.threads).enumerated() {
      let task = number == 0 ? leader : try tasks.allocate(in: &space)
      let pid = try pids.allocate(in: &space)
      write(thread, process: process, at: task, pid: pid, kernel: kernel, in: &space.memory)
      let pointers: [(UInt64, UInt64)] = [
        (shape.mm, memory), (shape.mm + 8, memory), (shape.leader, leader), (shape.threadPID, pid),
        (shape.signal, signal), (shape.files, table), (shape.cred, named.cred), (shape.cgroups, named.cssSet),
      ]
      for (offset, target) in pointers where target != 0 {
        space.memory.store(kernel.virtual(target), at: task + offset)
      }
      ring.append(task + shape.threadNode)
      if number > 0 { threads.append(pid) }
    }
    BuiltKernel.close(ring.map { kernel.virtual($0) }, at: ring, in: &space.memory)
    return BuiltProcess(
      leader: leader, memory: memory, threads: threads, description: process, argumentFrames: argumentFrames)
  }

  /// Chains all processes but those that have ended, from `init_task` on.
  public func link(kernel: BuiltKernel, without ended: Set<UInt64> = [], in memory: inout SparseMemory) {
    let places = leaders.filter { !ended.contains($0) }.map { $0 + shape.tasks }
    // `init_task` stands in the image.
    let nodes = [kernel.stext + BuiltKernel.DataPlace.initTask + shape.tasks] + places[1...].map { kernel.virtual($0) }
    BuiltKernel.close(nodes, at: places, in: &memory)
  }

  private func write(
    _ thread: (name: String, pid: UInt64, stack: UInt64), process: ProcessDescription, at task: UInt64, pid: UInt64,
    kernel: BuiltKernel, in memory: inout SparseMemory
  ) {
    memory.write(thread.name.utf8.prefix(15), at: task + shape.comm)
    memory.store(thread.pid, at: task + shape.pid, width: 4)
    memory.store(process.pid, at: task + shape.tgid, width: 4)
    memory.store(thread.stack, at: task + KernelShape.stack)
    memory.store(process.running.contains(thread.pid) ? 1 : 0, at: task + KernelShape.onCPU, width: 4)
    // PIDTYPE_PID comes first.
    memory.store(kernel.virtual(task + shape.links), at: pid + KernelShape.pidTasks)
    memory.store(kernel.virtual(pid + KernelShape.pidTasks), at: task + shape.links + 8)
    memory.store(process.started, at: task + shape.started)
    memory.store(1, at: pid, width: 4)
    memory.store(thread.pid, at: pid + KernelShape.pidNumbers, width: 4)
  }

  /// The top of the process' stack: arguments, then the environment, each text with its NUL.
  private func writeArguments<Space: FrameSpace>(
    _ process: ProcessDescription, memory: UInt64, root: UInt64, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> Range<UInt64> {
    let page: UInt64 = 0x7ffc_1234_5000
    let arguments = Array(process.arguments.map { $0 + [0 as UInt8] }.joined())
    let environment = Array("LANG=C\0PATH=/usr/bin\0".utf8)
    let start: UInt64 = 0x800
    let count = (start + UInt64(arguments.count + environment.count) + 0xfff) >> 12
    let frame = try space.allocate(count)
    for number in 0..<count {
      try PageTables(
        root: root, levels: kernel.tables.levels, encryptionBit: kernel.tables.encryptionBit
      ).map(
        page + number << 12, to: (frame + number) << 12, flags: PageTables.Flags.userData, in: &space)
    }
    space.memory.write(arguments + environment, at: frame << 12 + start)
    let ends = [page + start, page + start + UInt64(arguments.count)]
    let words = ends + [ends[1], ends[1] + UInt64(environment.count)]
    for (index, word) in words.enumerated() {
      space.memory.store(word, at: memory + shape.argumentStart + UInt64(index) * 8)
    }
    return frame..<frame + count
  }

  /// `files_struct` with its table, 0 when there are none.
  private mutating func writeFiles<Space: FrameSpace>(
    _ process: ProcessDescription, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let named = process.sockets.map { ($0, true) } + process.openFiles.map { ($0, false) }
    guard process.files.count + named.count > 0 else { return 0 }
    let owner = try files.allocate(in: &space)
    let table = try files.allocate(in: &space)
    let entries = try space.allocatePage()
    space.memory.store(1, at: owner, width: 4)
    space.memory.store(kernel.virtual(table), at: owner + KernelShape.fdTable)
    space.memory.store(512, at: table, width: 4)
    space.memory.store(kernel.virtual(entries), at: table + 8)
    for (number, file) in process.files.prefix(509).enumerated() {
      let place = try addFile(file, kernel: kernel, in: &space)
      space.memory.store(kernel.virtual(place), at: entries + UInt64(number + 3) * 8)
    }
    for (number, (path, isSocket)) in named.prefix(max(0, 509 - process.files.count)).enumerated() {
      let place = try files.allocate(in: &space)
      if isSocket {
        try names.writeSocket(file: place, path: path, kernel: kernel, in: &space)
      } else {
        try names.writeRegular(file: place, path: path, kernel: kernel, in: &space)
      }
      space.memory.store(kernel.virtual(place), at: entries + UInt64(process.files.count + number + 3) * 8)
    }
    return owner
  }

  /// A file of no file system.
  mutating func addFile<Space: FrameSpace>(
    _ file: (operations: UInt64, data: UInt64), kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let place = try files.allocate(in: &space)
    space.memory.store(file.operations, at: place + shape.operations)
    space.memory.store(file.data, at: place + shape.privateData)
    try names.writeAnonymous(file: place, kernel: kernel, in: &space)
    return place
  }

  /// A task like a process' first, with a `struct pid` of its own.
  mutating func copy<Space: FrameSpace>(
    _ process: BuiltProcess, _ thread: (name: String, pid: UInt64, stack: UInt64), kernel: BuiltKernel,
    in space: inout Space
  ) throws(Space.Failure) -> (task: UInt64, pid: UInt64) {
    let task = try tasks.allocate(in: &space)
    let pid = try pids.allocate(in: &space)
    for place in stride(from: 0, to: shape.taskSize, by: 8) {
      space.memory.store(space.memory.load(process.leader + place), at: task + place)
    }
    for place in [shape.comm, shape.comm + 8] { space.memory.store(0, at: task + place) }
    write(thread, process: process.description, at: task, pid: pid, kernel: kernel, in: &space.memory)
    space.memory.store(kernel.virtual(pid), at: task + shape.threadPID)
    return (task, pid)
  }
}

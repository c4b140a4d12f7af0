/// Files of given kinds that a kernel's processes hold open: another way to the kernel's objects than its lists.
/// Source: include/linux/sched.h (task_struct.tasks, files), include/linux/fdtable.h, include/linux/fs.h.
struct OpenFiles: Sendable {
  struct File: Sendable, Hashable {
    /// Its `f_op`, which tells the kind.
    let operations: VirtualAddress
    /// What its kind keeps with it.
    let privateData: VirtualAddress
  }

  private(set) var files: Set<File> = []
  /// Every process and each of its files could be read.
  private(set) var isWhole = true

  /// File descriptors of one process that are looked at, at most: far above RLIMIT_NOFILE's defaults.
  private static let descriptorLimit = 1 << 16
  /// Of all processes.
  private static let totalLimit = 1 << 20

  private struct Paths {
    let files: ResolvedPath
    let table: ResolvedPath
    let count: ResolvedPath
    let array: ResolvedPath
    let operations: ResolvedPath
    let privateData: ResolvedPath

    init(_ types: KernelTypes) throws(TypeFault) {
      files = try types.path("task_struct.files")
      table = try types.path("files_struct.fdt")
      count = try types.path("fdtable.max_fds")
      array = try types.path("fdtable.fd")
      operations = try types.path("file.f_op")
      privateData = try types.path("file.private_data")
    }
  }

  /// - Parameter operations: the kinds that are looked for, by their `struct file_operations`.
  init(of kernel: DescribedKernel, _ operations: Set<VirtualAddress>) throws {
    let paths = try Paths(kernel.types)
    let link = try kernel.types.member("task_struct.tasks").offset
    let first = try kernel.symbol("init_task")
    let walk = KernelListWalk(head: first &+ UInt64(link), kernel: kernel.kernel)
    isWhole = walk.cut == nil
    var left = Self.totalLimit
    for node in walk.nodes {
      do throws(KernelFault) {
        try add(filesOf: node &- UInt64(link), paths, kernel.reader, operations, &left)
      } catch { isWhole = false }
    }
  }

  private mutating func add(
    filesOf task: VirtualAddress, _ paths: Paths, _ reader: KernelReader, _ operations: Set<VirtualAddress>,
    _ left: inout Int
  ) throws(KernelFault) {
    let files = try reader.pointer(paths.files, at: task)
    // A kernel thread, or a process that is ending.
    guard files.rawValue != 0 else { return }
    let table = try reader.pointer(paths.table, at: files)
    let wanted = min(try reader.value(paths.count, at: table), UInt64(Self.descriptorLimit), UInt64(max(0, left)))
    left -= Int(wanted)
    if left <= 0 { isWhole = false }
    let array = try reader.pointer(paths.array, at: table)
    let found = reader.kernel.readable(array, upTo: Int(wanted) * 8)
    if found.fault != nil { isWhole = false }
    for place in stride(from: 0, to: found.bytes.count, by: 8) {
      guard let value: UInt64 = found.bytes.load(place), value != 0 else { continue }
      do throws(KernelFault) {
        let file = VirtualAddress(rawValue: value)
        let kind = try reader.pointer(paths.operations, at: file)
        guard operations.contains(kind) else { continue }
        self.files.insert(File(operations: kind, privateData: try reader.pointer(paths.privateData, at: file)))
      } catch { isWhole = false }
    }
  }
}

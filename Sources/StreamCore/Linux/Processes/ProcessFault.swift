/// Why something of a process is not known.
enum ProcessFault: Error, Equatable, Sendable {
  case kernel(KernelFault)
  /// No task of the kernel is the one that is meant.
  case noTask
  /// What should be a `task_struct` has a number that no process, or not this one, can have.
  case noPID(VirtualAddress, UInt64)
  /// A chain of names that has no end, or is longer than the kernel lets it be.
  case noEnd(String)
  /// It has none: a kernel thread, or a process that is ending.
  case none(String)
  /// No page table of the process is known, and why.
  case noPages(String)
  /// Where its arguments begin and end makes no sense.
  case noRange(UInt64, UInt64)
  /// Of its arguments no more is read than this many bytes.
  case limit(UInt64)
  /// For other processes as much was read as may be.
  case exhausted
  /// A page of its own memory.
  case page(VirtualAddress, Page)

  enum Page: Sendable, Equatable {
    case unmapped
    case absent
    case damaged
    case elsewhere(AbsentReason)
  }
}

/// What may be read to find processes and their files, over all of them: far more than a host's VMs have.
struct ProcessBudget: Sendable {
  var tasks = 1 << 20
  var descriptors = 1 << 20
}

extension ProcessFault {
  /// Reads of the kernel, whose fault becomes the process'.
  static func from<T>(_ body: () throws(KernelFault) -> T) throws(ProcessFault) -> T {
    do throws(KernelFault) { return try body() } catch { throw .kernel(error) }
  }
}

extension ProcessFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .kernel(let fault): fault.description
    case .noTask: "no task of the kernel is the one"
    case .noPID(let task, let number): "the task_struct at \(task) has number \(number), which cannot be"
    case .noEnd(let what): "\(what): a chain of names without an end"
    case .none(let what): "it has no \(what)"
    case .noPages(let why): "its page tables are not known: \(why)"
    case .noRange(let start, let end): "its arguments would stand from \(hex(start)) to \(hex(end))"
    case .limit(let bytes): "no more than \(bytes) bytes of them are read"
    case .exhausted: "too much was read for other VMs before"
    case .page(let address, .unmapped): "the process has no page at \(address)"
    case .page(let address, .absent): "the dump does not hold the process' page at \(address)"
    case .page(let address, .damaged): "the process' page at \(address) is damaged"
    case .page(let address, .elsewhere(let reason)): "the process' page at \(address) is absent: \(reason.rawValue)"
    }
  }
}

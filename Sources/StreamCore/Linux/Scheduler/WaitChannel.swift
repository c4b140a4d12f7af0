/// What a sleeping task waits in: the first function of its stack that is not the scheduler's.
/// Source: arch/x86/kernel/process.c, __get_wchan; include/linux/sched/debug.h, __sched.
struct WaitChannel: Sendable, Equatable {
  /// The function's name, where the kernel's names have it.
  let function: String
  let way: KernelStack.Way
  /// The functions on its stack, the innermost first, as far as they have names.
  let stack: [String]
}

/// Finds wait channels; each address is looked up once.
struct WaitChannels {
  private let kernel: DescribedKernel
  private let reader: StackReader?
  /// The scheduler's own functions.
  private let scheduler: Range<UInt64>
  private var names: [UInt64: String?] = [:]

  static let symbols = StackReader.symbols.union(["__sched_text_start", "__sched_text_end"])
  /// Functions of a stack that are named.
  private static let shown = 16

  init(_ kernel: DescribedKernel, _ places: TaskPlaces) {
    self.kernel = kernel
    reader = StackReader(kernel, places)
    let bounds = kernel.symbols.addresses(of: ["__sched_text_start", "__sched_text_end"])
    let start = bounds["__sched_text_start"]?.rawValue ?? 0
    scheduler = start..<max(start, bounds["__sched_text_end"]?.rawValue ?? 0)
  }

  /// `nil`: it is on a CPU, or its stack is not in the dump, or has no name for where it waits.
  mutating func channel(of task: ScheduledTask) -> WaitChannel? {
    guard let reader, task.state != .running, let stack = reader.stack(of: task.address) else { return nil }
    var functions: [String] = []
    var channel: String?
    for address in stack.addresses.prefix(Self.shown) {
      guard let name = name(of: address, reader.text) else { continue }
      if channel == nil, !scheduler.contains(address.rawValue) { channel = name }
      functions.append(name)
    }
    return channel.map { WaitChannel(function: $0, way: stack.way, stack: functions) }
  }

  private mutating func name(of address: VirtualAddress, _ text: Range<UInt64>) -> String? {
    if let known = names[address.rawValue] { return known }
    let found = kernel.function(at: address, text: text)
    // What a call left behind is never a function's first byte.
    let name = found.flatMap { $0.offset == 0 ? nil : $0.name }
    names[address.rawValue] = .some(name)
    return name
  }
}

/// What a task does, by its `__state` and whether a CPU has it. Source: include/linux/sched.h, TASK_*; fs/proc/array.c.
enum TaskState: String, Sendable, Equatable {
  /// A CPU runs it.
  case running
  /// It could run, and no CPU runs it.
  case runnable
  /// It waits for something, and a signal ends that.
  case sleeping
  /// It waits for something, and no signal ends that, or only a deadly one: "D".
  case uninterruptible
  /// By SIGSTOP and its like.
  case stopped
  case traced
  case parked
  /// It has ended.
  case dead
  case unknown

  /// - Parameters:
  ///   - state: the member as it stands.
  ///   - onCPU: a CPU runs it.
  init(state: UInt64, exitState: UInt64, onCPU: Bool) {
    if onCPU {
      self = .running
    } else if exitState != 0 || state & Bits.dead != 0 {
      self = .dead
    } else if state == 0 || state & (Bits.waking | Bits.new) != 0 {
      // A task that sleeps can stay on its queue for a while since 6.12 (`sched_delayed`): its state counts.
      self = .runnable
    } else if state & Bits.traced != 0 {
      self = .traced
    } else if state & Bits.stopped != 0 {
      self = .stopped
    } else if state & Bits.parked != 0 {
      self = .parked
    } else if state & Bits.uninterruptible != 0 {
      // Idle kernel threads wait so that nobody counts them as load.
      self = state & Bits.noLoad != 0 ? .sleeping : .uninterruptible
    } else if state & (Bits.interruptible | Bits.frozen) != 0 {
      self = .sleeping
    } else {
      self = .unknown
    }
  }

  /// Alike from 4.18 to 7.3 but for those that came later.
  enum Bits {
    static let interruptible: UInt64 = 0x1
    static let uninterruptible: UInt64 = 0x2
    static let stopped: UInt64 = 0x4
    static let traced: UInt64 = 0x8
    static let parked: UInt64 = 0x40
    static let dead: UInt64 = 0x80
    static let waking: UInt64 = 0x200
    static let noLoad: UInt64 = 0x400
    static let new: UInt64 = 0x800
    /// TASK_FROZEN, since 6.1.
    static let frozen: UInt64 = 0x8000
  }
}

/// How a task is chosen to run. Source: include/uapi/linux/sched.h, SCHED_*.
struct TaskPolicy: Sendable, Equatable {
  let number: UInt64
  /// 1 to 99 of FIFO and RR.
  let realtimePriority: UInt64
  /// -20 to 19 of the others.
  let nice: Int?

  /// - Parameter staticPriority: 120 and nice.
  init(number: UInt64, realtimePriority: UInt64, staticPriority: UInt64?) {
    self.number = number
    self.realtimePriority = realtimePriority
    nice = staticPriority.flatMap { (100...139).contains($0) ? Int($0) - 120 : nil }
  }

  var isRealtime: Bool { number == 1 || number == 2 }

  /// Without SCHED_.
  var name: String {
    switch number {
    case 0: "OTHER"
    case 1: "FIFO"
    case 2: "RR"
    case 3: "BATCH"
    case 5: "IDLE"
    case 6: "DEADLINE"
    case 7: "EXT"
    default: "policy \(number)"
    }
  }
}

extension TaskPolicy: CustomStringConvertible {
  /// "FIFO 50", "OTHER", "OTHER nice 19".
  var description: String {
    if isRealtime { return "\(name) \(realtimePriority)" }
    return nice.map { $0 == 0 ? name : "\(name) nice \($0)" } ?? name
  }
}

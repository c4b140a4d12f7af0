import FoundationEssentials

/// What `vcpus --json` prints: for each vCPU what it did when the host stopped, and what the host did instead. Numbers
/// stand with the member of the kernel's structures that they were read from; what follows from them is a `conclusion`.
/// Times are nanoseconds on the clock of the run queues, which counts from the host's boot.
public struct StallReport: Encodable, Sendable {
  public static let schemaName = "vmcs-split-vcpus-1"

  public var schema = StallReport.schemaName
  public var tool: Manifest.Tool
  public var input: Input
  /// `nil`: not known, and no duration is.
  public var instant: Instant?
  public var cpus: [CPU] = []
  public var guests: [Guest] = []
  /// Worst first.
  public var suspects: [Suspect] = []
  /// Why something of the host's scheduler is not known, by what it is.
  public var unknown: [String: String] = [:]
  public var warnings: [Manifest.Warning] = []

  public struct Input: Encodable, Sendable {
    public var files: [Manifest.Input.File]
    public var kernelRelease: String?
  }

  /// When the host stopped.
  public struct Instant: Encodable, Sendable {
    public var clock: UInt64
    public var cpu: Int
    /// How that CPU is known.
    public var source: String
    /// Its clock is that of the panic; else durations may be too short.
    public var isPanic: Bool
  }

  public struct Number: Encodable, Sendable, Equatable {
    public var value: UInt64
    public var source: String
  }

  public struct CPU: Encodable, Sendable {
    public var cpu: Int
    public var clock: Number
    /// Nanoseconds from the instant to where this CPU's clock stands.
    public var ranOn: UInt64?
    public var isIdle: Bool
    public var current: Task?
    /// Tasks that could run on it, the current one among them.
    public var running: Number?
    public var realtimeRunning: Number?
    /// Fair tasks that wait there, at most 256.
    public var waiting: [Task]
    /// Why these may be more.
    public var cut: String?
  }

  public struct Task: Encodable, Sendable {
    public var tid: UInt64
    public var comm: String?
    public var policy: String?
    public var lastArrival: Number?
    public var lastQueued: Number?
  }

  public struct Guest: Encodable, Sendable {
    public var id: Int
    public var name: String
    public var pid: UInt64?
    public var vcpus: [VCPU]
    /// Of the VMM, its vCPUs' apart.
    public var threads: [Thread]
  }

  public struct VCPU: Encodable, Sendable {
    public var index: Int
    public var vcpuId: UInt32?
    public var thread: Thread?
    public var exitReason: Word?
    public var mpState: Word?
    public var hostCpu: Word?
    public var mode: Number?
    public var lastHostTsc: Number?
    /// The same on the clock of the run queues.
    public var left: Number?
    public var steal: Steal?
    public var conclusion: Conclusion
    /// Why something is not known, by its key.
    public var unknown: [String: String]
  }

  public struct Word: Encodable, Sendable, Equatable {
    public var value: String
    public var source: String
  }

  /// Nanoseconds that the guest was told others took from its vCPU: without a wait that lasts.
  public struct Steal: Encodable, Sendable {
    public var gpa: Manifest.HexString
    /// By the guest's memory.
    public var seen: Number?
    /// `run_delay` of the thread when the guest was told last.
    public var told: Number?
  }

  public struct Thread: Encodable, Sendable {
    public var tid: UInt64
    public var comm: String?
    public var state: Number?
    public var policy: String?
    public var cpu: Number?
    public var allowed: String?
    public var lastArrival: Number?
    public var lastQueued: Number?
    public var runDelay: Number?
    public var runs: Number?
    public var runtime: Number?
    public var execStart: Number?
    /// Nanoseconds at the instant, by `last_queued`.
    public var queued: UInt64?
    /// Nanoseconds at the instant, by the later of `last_arrival` and `exec_start`.
    public var absence: UInt64?
    public var waitChannel: WaitChannel?
    public var lockOwner: LockOwner?
    public var cgroup: String?
    public var freeze: Freeze?
    public var quotas: [Quota]
    /// Of threads that run no vCPU.
    public var conclusion: Conclusion?
  }

  public struct WaitChannel: Encodable, Sendable {
    public var function: String
    /// "orc": by the kernel's tables; "scanned": an address on the stack, which may be an old one.
    public var way: String
    public var stack: [String]
  }

  public struct LockOwner: Encodable, Sendable {
    public var tid: UInt64
    public var comm: String?
    public var source: String
  }

  public struct Freeze: Encodable, Sendable {
    public var group: String?
    public var hasStopped: Bool
    public var source: String
    /// On the monotonic clock.
    public var since: Number?
    /// The same on the clock of the run queues.
    public var began: Moment?
  }

  public struct Moment: Encodable, Sendable {
    public var value: UInt64
    /// How far it can be off, nanoseconds.
    public var uncertainty: UInt64
    public var source: String
  }

  public struct Quota: Encodable, Sendable {
    public var group: String?
    public var quota: Number
    public var period: Number?
    /// What is left of this period's; a number below 0 is written as one of 64 bits.
    public var runtime: Number?
    public var periods: Number?
    public var throttledPeriods: Number?
    public var isThrottled: Bool
    public var since: Number?
  }

  public struct Conclusion: Encodable, Sendable {
    public var verdict: String
    public var isSuspect: Bool
    /// Nanoseconds at the instant.
    public var duration: UInt64?
    public var text: String
    public var by: [String]
  }

  public struct Suspect: Encodable, Sendable {
    public var guest: Int
    /// `nil`: a thread of the VMM that runs none.
    public var vcpu: Int?
    public var tid: UInt64?
    public var duration: UInt64?
    public var text: String
  }

  /// The document as UTF-8, keys sorted, ended by a line feed. Nothing in it moves a terminal's cursor.
  public func json() throws -> [UInt8] { try Manifest.text(of: self) }

  /// Warnings that bear on who ran: what guests lose of their memory and registers does not.
  static let concerned: Set<WarningCode> = [
    .bad_pages, .by_content, .damaged_input, .incomplete, .input, .lost_kernel_pages, .lost_vm, .no_vcpu,
    .no_vmcoreinfo, .symbols, .unseen_vm, .vm_list, .ways_differ,
  ]

  /// What keeps the answer from being whole, one line each.
  public var missing: [String] {
    var lines = unknown.sorted { $0.key < $1.key }.map { "the \($0.key) is not known: \($0.value)" }
    let lost = guests.flatMap(\.vcpus).count { $0.conclusion.verdict == StallJudge.Verdict.unknown.rawValue }
    if lost > 0, unknown.isEmpty { lines.append("the threads of \(lost) vCPUs are not known") }
    let codes = Set(warnings.filter(\.code.isLoss).map(\.code.rawValue)).sorted()
    if !codes.isEmpty { lines.append("warnings of loss: \(codes.joined(separator: ", "))") }
    return lines
  }

  public var exitStatus: ExitStatus { missing.isEmpty ? .complete : .incomplete }
}

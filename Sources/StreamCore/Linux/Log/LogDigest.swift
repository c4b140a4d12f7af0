/// What a kernel's log says of the kernel's state and clock, in one pass. Of a guest it is the guest's word.
struct LogDigest: Sendable, Equatable {
  /// A line of the log, its text cut.
  struct Line: Sendable, Equatable {
    let nanoseconds: UInt64
    let text: [UInt8]

    fileprivate init(_ record: LogRecord) {
      nanoseconds = record.nanoseconds
      text = Array(record.text.prefix(LogDigest.lineLimit))
    }
  }

  /// The first of each, as what follows often follows from it.
  private(set) var panic: Line?
  private(set) var oops: Line?
  private(set) var softLockup: Line?
  private(set) var hungTask: Line?
  private(set) var softLockups = 0
  private(set) var hungTasks = 0
  private(set) var last: Line?
  /// Where the kernel's life ends: the panic, else the last line.
  var end: Line? { panic ?? last }
  /// What `kvm-clock` took off so that the log's stamps begin at 0.
  private(set) var pvclockOffset: UInt64?
  /// What is added to the clock since it was found stable, and when that was.
  private(set) var stable: Stable?
  /// When kvm-clock became what time is kept by.
  private(set) var clocksource: UInt64?
  /// The clock was found not to be stable.
  private(set) var isUnstable = false
  /// Nothing of it is missing, so that what it does not say was never said.
  private(set) var isWhole = true
  private var isFirst = true

  struct Stable: Sendable, Equatable {
    let offset: Int64
    let since: UInt64
  }

  /// Bytes of a line that are kept.
  fileprivate static let lineLimit = 160

  init() {}

  /// Records that are read at the log's start, and at its end: more than the largest logs of distributions hold. A log can
  /// claim millions, and is looked through for each list.
  static let recordLimit = 1 << 17

  /// Reads a log to its end.
  /// - Parameter limit: records at its start and at its end that are read at most; those between are passed by.
  init(_ log: KernelLog, limit: Int = recordLimit) {
    var log = log
    var end: LogRecord?
    var count = 0
    while let record = log.next() {
      note(record)
      count += 1
      if count == limit, log.skip(toLast: limit) { isWhole = false }
      if !record.text.isEmpty { end = record }
    }
    last = end.map(Line.init)
    if !log.losses.isEmpty { isWhole = false }
  }

  private mutating func note(_ record: LogRecord) {
    // Records that are numbered from another one on lack the first; those without numbers are taken as they are.
    if isFirst, let sequence = record.sequence, sequence != 0 { isWhole = false }
    isFirst = false
    guard let first = record.text.first, Self.firsts.contains(first),
      let kind = Self.kinds.first(where: { record.text.starts(with: $0.start) })
    else { return noteOops(record) }
    let line = Line(record)
    switch kind.what {
    case .panic: panic = panic ?? line
    case .softLockup:
      softLockups += 1
      softLockup = softLockup ?? line
    case .hungTask where line.contains(" blocked for more than "):
      hungTasks += 1
      hungTask = hungTask ?? line
    case .hungTask: break
    case .pvclock: pvclockOffset = UInt64(line.word(5))
    case .stable: noteStable(line)
    case .clocksource: clocksource = line.nanoseconds
    case .unstable: isUnstable = true
    }
  }

  /// "TEXT: 0000 [#1] …", the line that `__die` prints whatever happened.
  private mutating func noteOops(_ record: LogRecord) {
    guard oops == nil, let mark = record.text.firstIndex(of: UInt8(ascii: "#")),
      record.text[..<mark].suffix(2).elementsEqual(" [".utf8)
    else { return }
    let rest = record.text[mark...].dropFirst()
    let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    if !digits.isEmpty, rest.dropFirst(digits.count).first == UInt8(ascii: "]") { oops = Line(record) }
  }

  /// "sched_clock: Marking stable (1870280900, 48397900)->(1992095800, -73417000)": the last number is the offset.
  private mutating func noteStable(_ line: Line) {
    let text = String(decoding: line.text, as: UTF8.self)
    guard let number = text.split(separator: ",").last?.split(separator: ")").first,
      let offset = Int64(number.drop { $0 == " " })
    else { return }
    stable = Stable(offset: offset, since: line.nanoseconds)
  }

  private enum What { case panic, softLockup, hungTask, pvclock, clocksource, stable, unstable }

  /// How lines begin. Source: kernel/panic.c; kernel/watchdog.c; kernel/hung_task.c; arch/x86/kernel/kvmclock.c;
  /// kernel/sched/clock.c; kernel/time/clocksource.c.
  private static let kinds: [(start: [UInt8], what: What)] = [
    ("Kernel panic - not syncing", What.panic), ("watchdog: BUG: soft lockup", .softLockup),
    ("BUG: soft lockup", .softLockup), ("NMI watchdog: BUG: soft lockup", .softLockup), ("INFO: task ", .hungTask),
    ("kvm-clock: using sched offset of ", .pvclock), ("sched_clock: Marking stable ", .stable),
    ("sched_clock: Marking unstable ", .unstable), ("clocksource: Switched to clocksource kvm-clock", .clocksource),
  ].map { (Array($0.utf8), $1) }
  /// Their first letters: most lines begin otherwise.
  private static let firsts = Set(kinds.compactMap(\.start.first))
}

extension LogDigest.Line {
  fileprivate func contains(_ part: String) -> Bool { text.firstRange(of: Array(part.utf8)) != nil }

  /// A word of it, the first being number 0; empty where it has fewer.
  fileprivate func word(_ number: Int) -> String {
    let words = text.split(separator: UInt8(ascii: " "))
    return number < words.count ? String(decoding: words[number], as: UTF8.self) : ""
  }
}

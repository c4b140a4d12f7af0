/// The log of kernels 3.5 to 5.9: records one after the other in one buffer. A record of no length says that the next one
/// stands at the buffer's start. Source: kernel/printk/printk.c of those kernels, struct printk_log (3.5 to 3.10: log).
struct RecordBuffer: Sendable {
  private let start: VirtualAddress
  /// Bytes of the buffer.
  private let size: UInt64
  /// Bytes of a record before its text.
  private let header: Int
  private let time: Int
  private let length: Int
  private let textLength: Int
  private let caller: Int?
  /// Where the newest record ends.
  private let end: UInt64
  private var pages: KernelPageReader
  /// The record that is next, bytes from the start.
  private var at: UInt64
  private var hasWrapped = false
  private(set) var losses = LogLosses()

  /// A time, three lengths, and two bytes more.
  private static let headerLimit = 16

  init(_ kernel: LinuxKernel, _ keys: LogKeys) throws(KernelLogFault) {
    guard keys.vmcoreinfo["SYMBOL(log_end)"] == nil else { throw .plainText }
    let record = keys.vmcoreinfo["SIZE(printk_log)"] == nil ? "log" : "printk_log"
    header = try keys.size(record)
    guard header >= Self.headerLimit else { throw .badKey("SIZE(\(record))", value: "\(header)") }
    time = try keys.offset("\(record).ts_nsec")
    length = try keys.offset("\(record).len")
    textLength = try keys.offset("\(record).text_len")
    caller = keys.vmcoreinfo["OFFSET(\(record).caller_id)"] == nil ? nil : try keys.offset("\(record).caller_id")
    func value(_ name: String, _ size: Int) throws(KernelLogFault) -> UInt64 {
      let place = try keys.symbol(name)
      do throws(KernelReadFault) { return try kernel.integer(place, size: size) } catch {
        throw .unreadable("its \(name)", error)
      }
    }
    start = VirtualAddress(rawValue: try value("log_buf", 8))
    size = try value("log_buf_len", 4)
    guard size <= KernelLog.byteLimit else {
      throw .tooLarge("its buffer", claimed: size, limit: KernelLog.byteLimit)
    }
    at = try value("log_first_idx", 4)
    end = try value("log_next_idx", 4)
    if end > size { losses.cut = "its newest record is said to end at byte \(end), and its buffer has \(size)" }
    pages = KernelPageReader(kernel)
  }

  mutating func next() -> LogRecord? {
    while at != end, losses.cut == nil {
      do throws(KernelReadFault) {
        guard let head = try self.head() else { continue }
        let length = UInt64(head.load(length, as: UInt16.self) ?? 0)
        let text = UInt64(head.load(textLength, as: UInt16.self) ?? 0)
        // Before the newest one's end no record goes beyond it.
        let room = (at < end ? end : size) - at
        guard length >= UInt64(header), length <= room, text <= length - UInt64(header) else {
          losses.cut = "the record at byte \(at) of its buffer is damaged: what follows is left out"
          return nil
        }
        let place = start &+ at &+ UInt64(header)
        at += length
        return LogRecord(
          sequence: nil, nanoseconds: head.load(time) ?? 0, caller: caller.flatMap { head.load($0) }, level: nil,
          text: try pages.bytes(place, count: Int(text)))
      } catch {
        losses.cut = "what stands at byte \(at) of its buffer cannot be read, and what follows is left out: \(error)"
      }
    }
    return nil
  }

  /// Leaves out what follows.
  /// - Returns: whether there was any.
  mutating func leave() -> Bool {
    defer { at = end }
    return at != end
  }

  /// What stands before the text of the record at `at`; `nil` where the buffer begins again.
  private mutating func head() throws(KernelReadFault) -> [UInt8]? {
    let room = at < size ? size - at : 0
    if room >= UInt64(header) {
      let head = try pages.bytes(start &+ at, count: header)
      if head.load(length, as: UInt16.self) != 0 { return head }
    }
    guard !hasWrapped, at > end, room >= UInt64(header) else {
      losses.cut = "its records end at byte \(at) of its buffer, and the newest at \(end): what follows is left out"
      return nil
    }
    hasWrapped = true
    at = 0
    return nil
  }
}

import FoundationEssentials
import StreamCore

/// A record of a log as `log --json` prints it.
struct LogEntry: Encodable {
  /// "host", or a guest's name; of several logs alone, as `hostTime`.
  private(set) var source: String?
  /// Nanoseconds by the host's clock.
  private(set) var hostTime: UInt64?
  /// Nanoseconds by its kernel's own clock.
  let time: UInt64
  let sequence: UInt64?
  /// "T" and the number of a task, or "C" and that of a CPU.
  let caller: String?
  let level: UInt8?
  let text: String
  /// Hexadecimal, where the text is no UTF-8.
  let textBytes: String?

  init(_ record: LogRecord) {
    time = record.nanoseconds
    sequence = record.sequence
    caller = record.caller.map { $0 >> 31 == 1 ? "C\($0 & 0x7fff_ffff)" : "T\($0)" }
    level = record.level
    text = String(decoding: record.text, as: UTF8.self)
    let isText = String(validating: record.text, as: UTF8.self) != nil
    textBytes =
      isText ? nil : record.text.map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined()
  }

  init(_ record: MergedRecord) {
    self.init(record.record)
    source = record.source
    hostTime = record.hostTime
  }

  static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}

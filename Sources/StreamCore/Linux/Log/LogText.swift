/// How a record of a log is written: a line, and one more for each line feed in it, indented.
public enum LogText {
  /// The form of `makedumpfile --dump-dmesg` (1.7.2), byte for byte: white space as it is, any other byte that is no
  /// printable ASCII by its number. Source: makedumpfile, printk.c, dump_record.
  /// - Parameter prefix: what stands before the text, in place of the record's own time.
  public static func bytes(_ record: LogRecord, prefix: String? = nil) -> [UInt8] {
    let prefix = Array((prefix ?? stamp(record.nanoseconds)).utf8)
    var line = prefix
    line.reserveCapacity(prefix.count + record.text.count + 1)
    for byte in record.text {
      switch byte {
      case lineFeed: line += [lineFeed] + repeatElement(UInt8(ascii: " "), count: prefix.count)
      case 0x09...0x0d, 0x20...0x7e: line.append(byte)
      // C's char has a sign, and the number is printed as an int.
      case 0x80...: line += Array("\\xffffff\(digits(byte))".utf8)
      default: line += Array("\\x\(digits(byte))".utf8)
      }
    }
    return line + [lineFeed]
  }

  /// For a terminal: text as UTF-8 where it is that; what would move the cursor, colour or reorder text as "\x1b".
  public static func printable(_ record: LogRecord, prefix: String? = nil) -> String {
    let prefix = prefix ?? stamp(record.nanoseconds)
    let lines = record.text.split(separator: lineFeed, omittingEmptySubsequences: false).map { line in
      let parts = line.split(separator: tab, omittingEmptySubsequences: false)
      return parts.map { PathText.printable(PathText.text(of: Array($0))) }.joined(separator: "\t")
    }
    return prefix + lines.joined(separator: "\n" + String(repeating: " ", count: prefix.count)) + "\n"
  }

  /// "[    1.234567] ", as the kernel and its tools write it.
  public static func stamp(_ nanoseconds: UInt64) -> String {
    let microseconds = String(nanoseconds % 1_000_000_000 / 1000)
    let seconds = String(nanoseconds / 1_000_000_000)
    return "[" + String(repeating: " ", count: max(0, 5 - seconds.count)) + seconds + "."
      + String(repeating: "0", count: 6 - microseconds.count) + microseconds + "] "
  }

  private static let lineFeed: UInt8 = 0x0a
  private static let tab: UInt8 = 0x09

  private static func digits(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}

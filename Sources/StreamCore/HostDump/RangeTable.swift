/// Which range of physical memory stands where in a raw file: one line a range, `START-END [OFFSET]`, hexadecimal, END
/// the last address, OFFSET that in the file, else right behind the range before. The lines of /proc/iomem do: of those
/// "System RAM" at the left margin counts. What stands behind "#" is not read.
public struct RangeTable: Sendable {
  let ranges: [MemoryRange]
  /// More bytes than any table has.
  private static let maximumBytes = 1 << 20

  /// - Throws: `Failure`, for a line that is none, by its number.
  public init(file path: String) throws {
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try InputFile(path: path).text(limit: Self.maximumBytes + 1) } catch {
      throw HostDumpError.system(error)
    }
    guard bytes.count <= Self.maximumBytes else { throw Self.error(path, 1, "it is longer than 1 MiB") }
    ranges = try Self.ranges(of: bytes, path)
  }

  static func ranges(of bytes: [UInt8], _ path: String) throws(HostDumpError) -> [MemoryRange] {
    var ranges: [MemoryRange] = []
    var next: UInt64 = 0
    for (number, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
      let text = String(decoding: line.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
      let parts = text.split(separator: ":", maxSplits: 1)
      if parts.count == 2 {
        // Of /proc/iomem; what is indented is a part of the range above.
        let name = parts[1].drop { $0 == " " }.prefix { $0 != "\r" }
        guard name == "System RAM", text.first != " " else { continue }
      }
      let words = (parts.first ?? "").split { $0 == " " || $0 == "\t" || $0 == "\r" }
      guard let bounds = words.first else { continue }
      let ends = bounds.split(separator: "-", omittingEmptySubsequences: false).map { Self.hexadecimal($0) }
      guard ends.count == 2, words.count <= 2, let start = ends[0], let last = ends[1], start <= last,
        last < MemoryRange.addressLimit
      else { throw error(path, number + 1, "\"\(HostileText.escaped(String(text.prefix(60))))\"") }
      var offset = next
      if words.count == 2 {
        guard let given = Self.hexadecimal(words[1]), given <= UInt64(Int64.max) else {
          throw error(path, number + 1, "\"\(HostileText.escaped(String(text.prefix(60))))\"")
        }
        offset = given
      }
      let range = MemoryRange(start: start, end: last + 1, offset: offset)
      let (end, overflow) = offset.addingReportingOverflow(range.end - range.start)
      guard !overflow, end <= UInt64(Int64.max), ranges.count < MemoryRange.countLimit else {
        throw error(path, number + 1, "a range behind 2^63 bytes of the file, or more than \(MemoryRange.countLimit)")
      }
      ranges.append(range)
      next = end
    }
    guard ranges.contains(where: { $0.end > 1 }) else {
      throw error(path, 1, "no range, or addresses that are all 0, as /proc/iomem shows them to who is not root")
    }
    return ranges
  }

  private static func hexadecimal(_ word: Substring) -> UInt64? {
    UInt64(word.hasPrefix("0x") ? word.dropFirst(2) : word, radix: 16)
  }

  private static func error(_ path: String, _ line: Int, _ found: String) -> HostDumpError {
    .unsupported(
      file: path, format: "no table of memory ranges: line \(line): \(found)",
      remedy: "a line is START-END [OFFSET], hexadecimal, as in /proc/iomem")
  }

  /// Opens raw memory of which this is the table.
  func open(_ source: ByteSource) throws(HostDumpError) -> any HostDump {
    guard source.files.count == 1 else { throw .severalDumps(count: source.files.count) }
    let input = DumpInput(source)
    let isCut = ranges.contains { $0.offset + ($0.end - $0.start) > input.file.size }
    return try RangeDump(input, format: "raw", ranges, isCut: isCut, field: "range")
  }
}

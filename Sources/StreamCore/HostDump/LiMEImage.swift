/// LiME's images of physical memory: each range behind a header of its own. Source: LiME, src/lime.h;
/// Documentation/elf.md §5.
enum LiMEImage {
  static let magic = Array("EMiL".utf8)
  private static let headerSize: UInt64 = 32

  /// Opens a file that begins with the magic. Throws when a header cannot be right.
  static func open(_ input: DumpInput) throws(HostDumpError) -> any HostDump {
    var ranges: [MemoryRange] = []
    var at: UInt64 = 0
    var isCut = false
    while at < input.file.size {
      let header = try FieldReader(input, base: at, count: Int(headerSize))
      guard header.bytes.count == Int(headerSize) else {
        isCut = true
        break
      }
      guard header.bytes.starts(with: magic) else {
        throw header.error("magic", at: 0, expected: "a range of a LiME image", found: "something else")
      }
      let version: UInt32 = try header.read("version", at: 4)
      guard version == 1 else { throw header.error("version", at: 4, expected: "1", found: "\(version)") }
      let (start, last): (UInt64, UInt64) = (try header.read("s_addr", at: 8), try header.read("e_addr", at: 16))
      guard start <= last, last < MemoryRange.addressLimit else {
        throw header.error(
          "e_addr", at: 16, expected: "from s_addr, \(hex(start)), to 52 bits", found: hex(last))
      }
      let range = MemoryRange(start: start, end: last + 1, offset: at + headerSize)
      ranges.append(range)
      guard ranges.count <= MemoryRange.countLimit else {
        throw header.error(
          "magic", at: 0, expected: "at most \(MemoryRange.countLimit) ranges", found: "more")
      }
      at = range.offset + (range.end - range.start)
    }
    isCut = isCut || at > input.file.size
    return try RangeDump(input, format: "lime", ranges, isCut: isCut, field: "s_addr")
  }
}

import Synchronization

/// makedumpfile's flattened form of any dump (-F, and QEMU's kdumps): records of offset, size and bytes in the order of
/// writing. Read in place: the heads of all records are read once, and an index of groups of them is kept. Source:
/// Documentation/kdump-compressed.md §7.
final class FlattenedFile: ByteLayout {
  static let magic = Array("makedumpfile".utf8) + [0, 0, 0, 0]
  /// Bytes before the first record.
  private static let headerSize: UInt64 = 4096
  /// Groups of any file, and those for each MiB of it: twice what real writers need.
  private static let groupsAtLeast = 1 << 16
  private static let groupsPerMiB: UInt64 = 4

  let size: UInt64
  let isCut: Bool
  /// What is odd about the file itself.
  let remarks: [Remark]
  private let file: InputFile
  /// Disjoint, ascending by `start`.
  private let groups: [FlattenedGroup]
  /// Where walks through groups ended last, by the group's index.
  private let recent: Mutex<[Recent]>

  private struct Recent {
    var group = -1
    /// Of the record that was come to: its head, and where its bytes belong.
    var head: UInt64 = 0
    var start: UInt64 = 0
  }

  /// Bytes that the index takes.
  var indexBytes: Int { groups.count * MemoryLayout<FlattenedGroup>.stride }

  /// - Throws: when the file begins with the magic and a record cannot be right.
  init(_ file: InputFile) throws(HostDumpError) {
    self.file = file
    try Self.checkHeader(file)
    let (gathered, isWhole) = try Self.gather(file)
    isCut = !isWhole
    groups = try Self.disjoint(gathered, in: file)
    size = groups.last?.end ?? 0
    recent = Mutex(Array(repeating: Recent(), count: 64))
    remarks =
      isCut
      ? [
        .missingTail(
          "the file is cut: it ends at byte \(file.size), without the mark at the end of a flattened dump")
      ] : []
  }

  private static func checkHeader(_ file: InputFile) throws(HostDumpError) {
    let header = try FieldReader(file, base: 0, count: 32)
    let type: UInt64 = try header.read("type", at: 16)
    guard type.byteSwapped == 1 else {
      throw header.error("type", at: 16, expected: "1 (flattened)", found: "\(type.byteSwapped)")
    }
    let version: UInt64 = try header.read("version", at: 24)
    guard version.byteSwapped == 1 else {
      throw header.error("version", at: 24, expected: "1", found: "\(version.byteSwapped)")
    }
  }

  /// Goes through the heads of all records.
  private static func gather(
    _ file: InputFile
  ) throws(HostDumpError) -> (groups: [FlattenedGroup], isWhole: Bool) {
    var gathered = FlattenedGroups()
    let limit = limit(of: file)
    var at = headerSize
    while let record = try record(of: file, at: at) {
      if record.isEnd { return (gathered.groups, true) }
      guard let range = record.range else { throw bad(record, file) }
      let bytes = UInt64(range.count)
      let available = min(bytes, file.size - record.data)
      if available > 0 { gathered.add(record, range.lowerBound..<range.lowerBound + available) }
      guard gathered.groups.count <= limit else { throw tooMany(limit, file) }
      if available < bytes { break }
      at = record.data + bytes
    }
    return (gathered.groups, false)
  }

  private static func disjoint(
    _ gathered: [FlattenedGroup], in file: InputFile
  ) throws(HostDumpError) -> [FlattenedGroup] {
    let ascending = gathered.sorted { ($0.start, $0.head) < ($1.start, $1.head) }
    let overlapping = FlattenedGroups.overlapping(ascending)
    guard overlapping.contains(true) else { return ascending }
    let limit = limit(of: file)
    var records: [FlattenedGroup] = []
    for (group, overlaps) in zip(ascending, overlapping) where overlaps {
      var (at, next) = (group.head, group.start)
      while next < group.end, let record = try record(of: file, at: at), let range = record.range {
        if range.lowerBound == next {
          records.append(FlattenedGroup(start: next, end: min(range.upperBound, group.end), head: at))
          next = range.upperBound
        }
        at = record.data + UInt64(range.count)
      }
      guard records.count <= limit else { throw tooMany(limit, file) }
    }
    let others = zip(ascending, overlapping).filter { !$0.1 }.map(\.0)
    return (others + FlattenedGroups.settled(records)).sorted { $0.start < $1.start }
  }

  private static func record(of file: InputFile, at head: UInt64) throws(HostDumpError) -> FlattenedRecord? {
    do throws(SystemError) { return try FlattenedRecord(file, at: head) } catch { throw .system(error) }
  }

  private static func limit(of file: InputFile) -> Int {
    groupsAtLeast + Int(clamping: file.size >> 20 * groupsPerMiB)
  }

  private static func bad(_ record: FlattenedRecord, _ file: InputFile) -> HostDumpError {
    .format(
      FormatError(
        file: file.path, offset: record.head, field: "record of a flattened dump",
        expected: "an offset and a size, or -1 and -1 at the end", found: "\(record.offset) and \(record.size)"))
  }

  private static func tooMany(_ limit: Int, _ file: InputFile) -> HostDumpError {
    .unsupported(
      file: file.path, format: "a flattened dump in more than \(limit) places, which no writer leaves",
      remedy: "convert it with: makedumpfile -R OUTPUT < INPUT")
  }

  func run(at offset: UInt64) -> (isHeld: Bool, end: UInt64) {
    let index = groups.partitioningIndex { $0.end > offset }
    guard index < groups.count else { return (false, size) }
    return groups[index].start <= offset ? (true, groups[index].end) : (false, groups[index].start)
  }

  func place(of offset: UInt64) throws(SystemError) -> (place: UInt64, count: UInt64) {
    let index = groups.partitioningIndex { $0.end > offset }
    guard index < groups.count, groups[index].start <= offset else { throw .cut(file.path) }
    let group = groups[index]
    let slot = index % 64
    let known = recent.withLock { $0[slot] }
    let isKnown = known.group == index && known.start <= offset
    var at = isKnown ? known.head : group.head
    var next: UInt64? = isKnown ? known.start : nil
    for _ in 0...FlattenedGroups.span {
      guard let record = try FlattenedRecord(file, at: at), let range = record.range else { break }
      // The first of them may begin before the group does, where a later record has its first bytes.
      if range.lowerBound == next ?? range.lowerBound {
        if offset < range.upperBound, offset >= range.lowerBound {
          recent.withLock { $0[slot] = Recent(group: index, head: at, start: range.lowerBound) }
          return (record.data + (offset - range.lowerBound), min(range.upperBound, group.end) - offset)
        }
        next = range.upperBound
      }
      let (end, overflow) = record.data.addingReportingOverflow(UInt64(range.count))
      if overflow { break }
      at = end
    }
    throw .cut(file.path)
  }
}

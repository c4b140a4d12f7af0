/// The files of one sadump in their order: a partition or a medium alone, or the volumes of a disk set, each with the
/// pages that follow those of the one before it. Source: Documentation/sadump.md §4.
struct SadumpVolumes: Sendable {
  /// The same files in the order of their volumes.
  let input: DumpInput
  let partitions: [SadumpPartition]
  /// Where the dump header stands in the first file.
  let headerOffset: UInt64
  /// The lowest number of a volume that was not given.
  let firstMissing: UInt32?
  /// Volumes of the set; 0: it is none.
  let count: UInt32
  let remarks: [Remark]

  var isDiskSet: Bool { count > 0 }
  /// Volumes that no file is of, by their numbers.
  private static let maximum: UInt32 = 16

  init(_ input: DumpInput) throws(HostDumpError) {
    let first = try SadumpPartition(input)
    guard first.volume > 0 else {
      self.input = input
      partitions = [first]
      headerOffset = first.end
      firstMissing = nil
      count = 0
      remarks = first.remarks
      return
    }
    let files = input.source.files.indices
    var given: [(partition: SadumpPartition, index: Int)] = []
    for index in files {
      let part = input.part(index)
      let partition = try SadumpPartition(part)
      try Self.check(partition, part, first, input.path, given.map { ($0.partition, input.part($0.index).path) })
      given.append((partition, index))
    }
    given.sort { $0.partition.volume < $1.partition.volume }
    self.input = input.reordered(given.map(\.index))
    partitions = given.map(\.partition)
    guard let lead = partitions.first, lead.volume == 1 else {
      throw Self.error(
        self.input, "set_disk_set", at: 152,
        expected: "volume 1 of the disk set among the files, which has its headers",
        found: "volumes \(partitions.map { "\($0.volume)" }.joined(separator: ", ")): give it, too")
    }
    let set = try DiskSet(self.input, at: lead.end)
    for (index, partition) in partitions.enumerated() {
      try set.check(partition, self.input.part(index))
    }
    headerOffset = set.end
    count = set.count
    let numbers = Set(partitions.map(\.volume))
    let missing = (1...set.count).filter { !numbers.contains($0) }
    firstMissing = missing.first
    remarks =
      partitions.flatMap(\.remarks)
      + (missing.isEmpty ? [] : [Self.remark(missing, of: set.count)])
  }

  private static func remark(_ missing: [UInt32], of count: UInt32) -> Remark {
    let names = missing.map { "\($0)" }.joined(separator: ", ")
    return .missingTail(
      "volume \(names) of the disk set is missing, which has \(count): its pages are, and those of all behind the first of "
        + "them, whose places depend on it; give the files of all volumes")
  }

  private static func error(
    _ input: DumpInput, _ field: String, at offset: UInt64, expected: String, found: String
  ) -> HostDumpError {
    .format(FormatError(file: input.path, offset: offset, field: field, expected: expected, found: found))
  }

  /// Throws unless a file is a volume of the set that the first one is of, and no other is the same.
  private static func check(
    _ partition: SadumpPartition, _ input: DumpInput, _ first: SadumpPartition, _ firstPath: String,
    _ others: [(SadumpPartition, path: String)]
  ) throws(HostDumpError) {
    guard partition.volume > 0 else {
      throw error(
        input, "set_disk_set", at: partition.start + 152, expected: "a volume of the disk set that other files are of",
        found: partition.isMedium ? "a medium, a dump of its own" : "0, a dump of its own")
    }
    guard partition.volume <= maximum else {
      throw error(
        input, "set_disk_set", at: 152, expected: "at most \(maximum), the volumes of the largest set",
        found: "\(partition.volume)")
    }
    guard partition.identity == first.identity, partition.timeStamp == first.timeStamp else {
      let isIdentity = partition.identity != first.identity
      throw error(
        input, isIdentity ? "disk_set_id" : "time_stamp", at: isIdentity ? 88 : 136,
        expected: "the system, the disk set and the time of \(firstPath), another volume",
        found: "those of another dump")
    }
    if let twin = others.first(where: { $0.0.volume == partition.volume }) {
      throw error(
        input, "set_disk_set", at: 152, expected: "a volume that no other file is",
        found: "\(partition.volume), as \(twin.path)")
    }
  }
}

/// The disk set header, which stands on volume 1 alone.
private struct DiskSet {
  let count: UInt32
  /// Behind it.
  let end: UInt64
  private let header: FieldReader
  private static let firstVolume = 16
  private static let volumeSize = 32

  init(_ input: DumpInput, at offset: UInt64) throws(HostDumpError) {
    let blockSize = SadumpPartition.blockSize
    let short = try FieldReader(input, base: offset, count: Self.firstVolume)
    let blocks: UInt32 = try short.read("disk_set_header_size", at: 0)
    guard blocks > 0, input.file.held(from: offset, count: UInt64(blocks) * blockSize) == UInt64(blocks) * blockSize
    else {
      throw short.error(
        "disk_set_header_size", at: 0, expected: "at least 1 block, inside the file's \(input.file.size) bytes",
        found: "\(blocks) blocks")
    }
    end = offset + UInt64(blocks) * blockSize
    count = try short.read("disk_num", at: 4)
    guard (1...16).contains(count) else {
      throw short.error("disk_num", at: 4, expected: "1 to 16 volumes", found: "\(count)")
    }
    header = try FieldReader(input, base: offset, count: Int(blockSize))
  }

  /// Throws unless a file is the volume of the set that its number says. What the header lists begins with volume 2 for
  /// crash and makedumpfile and with volume 1 for libkdumpfile: either place will do.
  func check(_ partition: SadumpPartition, _ input: DumpInput) throws(HostDumpError) {
    guard partition.volume <= count else {
      throw .format(
        FormatError(
          file: input.path, offset: 152, field: "set_disk_set", expected: "at most disk_num, \(count)",
          found: "\(partition.volume)"))
    }
    guard partition.volume > 1 else { return }
    let places = [partition.volume - 2, partition.volume - 1].map { Self.firstVolume + Int($0) * Self.volumeSize }
    guard places.contains(where: { header.bytes[$0..<$0 + 16].elementsEqual(partition.volumeID) }) else {
      throw .format(
        FormatError(
          file: input.path, offset: 120, field: "vol_id",
          expected: "that of volume \(partition.volume) in the disk set header of \(header.file)", found: "another"))
    }
  }
}

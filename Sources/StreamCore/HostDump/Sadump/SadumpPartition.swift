/// What begins a file of sadump, the dump that firmware of Fujitsu's servers writes: a partition's, a volume's of a disk
/// set, or a medium's, which has a header of its own before it. Source: Documentation/sadump.md §2.
struct SadumpPartition: Sendable {
  static let magic = Array("sadump".utf8) + [0, 0]
  /// Bytes of a block, of any header, and where the partition header of a medium stands.
  static let blockSize: UInt64 = 4096

  /// Where the header stands: behind a medium's, or at the start.
  let start: UInt64
  /// The number of a volume of a disk set, from 1 on; 0: a partition or a medium, whole.
  let volume: UInt32
  /// Of the system and of the disk set.
  let identity: [UInt8]
  let timeStamp: [UInt8]
  /// Of the volume.
  let volumeID: [UInt8]
  /// Bytes of the device that the dump takes, headers and all.
  let usedBytes: UInt64
  let remarks: [Remark]

  var isMedium: Bool { start > 0 }
  /// Behind the header.
  var end: UInt64 { start + Self.blockSize }

  /// Where the partition header of a file stands; `nil`: it has none.
  static func start(in input: DumpInput) throws(HostDumpError) -> UInt64? {
    for start in [0, blockSize] where try input.header(at: start, count: magic.count) == magic { return start }
    return nil
  }

  init(_ input: DumpInput) throws(HostDumpError) {
    guard let start = try Self.start(in: input) else {
      throw .format(
        FormatError(
          file: input.path, offset: 0, field: "signature1",
          expected: "a volume of a sadump disk set, as other files are",
          found: "no partition header"))
    }
    self.start = start
    let header = try FieldReader(input, base: start, count: Int(Self.blockSize))
    try header.require(Int(Self.blockSize), "sadump_part_header")
    identity = Array(header.bytes[88..<120])
    volumeID = Array(header.bytes[120..<136])
    timeStamp = Array(header.bytes[136..<152])
    // Of a medium that was made of a disk set the volumes' data stand in one.
    volume = start > 0 ? 0 : try header.read("set_disk_set", at: 152)
    usedBytes = try header.read("used_device", at: 160)
    var remarks: [Remark] = []
    if let place = Self.brokenMagic(header.bytes) {
      remarks.append(
        .oddity("the magic numbers of the partition header break off at byte \(hex(start + UInt64(place)))"))
    }
    if start > 0 {
      let medium = try FieldReader(input, base: 0, count: Int(Self.blockSize))
      try Self.check(medium, self.identity, timeStamp, &remarks)
    }
    self.remarks = remarks
  }

  /// Numbers that follow from each other fill the header to its end.
  private static func brokenMagic(_ header: [UInt8]) -> Int? {
    stride(from: 172, to: header.count, by: 4).first { at in
      guard let last: UInt32 = header.load(at - 4), let next: UInt32 = header.load(at) else { return true }
      return next != (last &+ 7) &* 11
    }
  }

  private static func check(
    _ medium: FieldReader, _ identity: [UInt8], _ timeStamp: [UInt8], _ remarks: inout [Remark]
  ) throws(HostDumpError) {
    guard Array(medium.bytes.prefix(32)) == identity else {
      throw medium.error(
        "sadump_id", at: 0, expected: "the system and the disk set of the partition header",
        found: "others: one of the headers is damaged")
    }
    let number: UInt8 = try medium.read("sequential_num", at: 48)
    guard number <= 1 else {
      throw medium.error(
        "sequential_num", at: 48, expected: "1, the first medium, which has the headers", found: "\(number)")
    }
    if Array(medium.bytes[32..<48]) != timeStamp {
      remarks.append(.oddity("the headers of the medium and of the partition have different time stamps"))
    }
  }
}

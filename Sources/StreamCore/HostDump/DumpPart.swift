/// What a file says of the set that it is a part of: which one, and where in it. A batch takes files of one set together by
/// this. A format that comes in sets is added here.
struct DumpPart: Codable, Sendable, Equatable {
  /// SHA-256 of what all parts of the dump have in common and no other dump has, hexadecimal.
  var set: String
  /// Two parts with different bytes have different places.
  var place: UInt64
}

extension DumpPart {
  /// `nil`: the first file of the source is a dump of its own.
  /// - Throws: as `openHostDump` does of a header that cannot be right.
  init?(_ source: ByteSource) throws(HostDumpError) {
    let input = try DumpInput(source).unflattened()
    if try SadumpPartition.start(in: input) != nil {
      let partition = try SadumpPartition(input)
      guard partition.volume > 0 else { return nil }
      place = UInt64(partition.volume)
      let sum = SHA256()
      sum.update(partition.identity + partition.timeStamp)
      set = sum.finish()
      return
    }
    guard try input.header(at: 0, count: KdumpHeader.magic.count) == KdumpHeader.magic else { return nil }
    let header = try KdumpHeader(input)
    guard let frames = header.split else { return nil }
    place = frames.lowerBound
    set = try Self.common(input, header)
  }

  /// Parts of a split set have the main header, VMCOREINFO and both bitmaps in common.
  private static func common(_ input: DumpInput, _ header: KdumpHeader) throws(HostDumpError) -> String {
    let sum = SHA256()
    sum.update(try input.header(at: 0, count: KdumpHeader.mainSize))
    if let text = header.vmcoreinfo {
      sum.update(try input.header(at: text.lowerBound, count: min(text.count, VMCoreInfo.maximumBytes)))
    }
    var place = header.bitmapOffset
    // Holes are read as zeros: a copy may have lost them.
    while place < header.tableOffset, place < input.file.size {
      let count = Int(min(1 << 20, header.tableOffset - place))
      sum.update(try input.header(at: place, count: count))
      place += UInt64(count)
    }
    return sum.finish()
  }
}

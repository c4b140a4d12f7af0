/// Pages of a sadump that lie one behind the other in one file.
struct SadumpExtent: Sendable {
  /// Index among the files of the dump's source.
  let file: UInt16
  /// Of the dumped pages in the order of their frames, those that the file has.
  let held: Range<UInt64>
  /// Bytes from the start of the file, of the first page.
  private let start: UInt64

  func offset(of rank: UInt64) -> UInt64 { start + (rank - held.lowerBound) * UInt64(pageSize) }

  /// Whether some of the pages do not lie in holes of the file.
  func hasData(of ranks: Range<UInt64>, in source: ByteSource) -> Bool {
    let own = ranks.clamped(to: held)
    guard !own.isEmpty, let data = source.files[Int(file)].nextData(from: offset(of: own.lowerBound)) else {
      return false
    }
    return data < offset(of: own.lowerBound) + UInt64(own.count) * UInt64(pageSize)
  }

  /// Where all pages lie, and how that agrees with what the headers say.
  struct Placed {
    var extents: [SadumpExtent] = []
    var agreement = Agreement.agreed
    /// Bytes of all headers and bitmaps.
    var headerBytes: UInt64 = 0
    /// Files that end before their pages do.
    var cuts: [(size: UInt64, end: UInt64)] = []
  }

  enum Agreement {
    case agreed
    /// What the headers say of the dump's size is right for so many pages.
    case otherPages(UInt64)
    /// What the partition headers say, bytes, and the dump header does not.
    case otherSize(UInt64)
  }

  /// - Parameter count: of dumped pages.
  static func all(of volumes: SadumpVolumes, _ header: SadumpHeader, count: UInt64) throws(HostDumpError) -> Placed {
    let size = UInt64(pageSize)
    var placed = Placed()
    var rank: UInt64 = 0
    var used: UInt64 = 0
    for (index, partition) in volumes.partitions.enumerated() {
      let data = index == 0 ? header.dataOffset : partition.end
      placed.headerBytes += data
      used = used.addingReportingOverflow(partition.usedBytes).partialValue
      if let missing = volumes.firstMissing, partition.volume > missing { continue }
      let pages = try volumes.isDiskSet ? Self.pages(of: partition, from: data, volumes.input.part(index)) : count
      let own = rank..<min(count, rank.addingReportingOverflow(pages).overflow ? .max : rank + pages)
      rank = own.upperBound
      let file = volumes.input.source.files[index]
      let held = file.held(from: data, count: UInt64(own.count) * size) / size
      if held < UInt64(own.count), !file.isCut { placed.cuts.append((file.size, data + UInt64(own.count) * size)) }
      placed.extents.append(
        SadumpExtent(file: UInt16(index), held: own.lowerBound..<own.lowerBound + held, start: data))
    }
    guard volumes.firstMissing == nil else { return placed }
    // A medium's own header may count or not.
    let isMedium = volumes.partitions.first?.isMedium ?? false
    let needed = placed.headerBytes + count * size
    if used != needed, !isMedium || used != needed - SadumpPartition.blockSize {
      let more = used.subtractingReportingOverflow(placed.headerBytes)
      placed.agreement =
        used == header.writtenBytes && !more.overflow && more.partialValue % size == 0
        ? .otherPages(more.partialValue / size) : .otherSize(used)
    }
    return placed
  }

  /// Pages of one volume of a set.
  private static func pages(
    of partition: SadumpPartition, from data: UInt64, _ input: DumpInput
  ) throws(HostDumpError) -> UInt64 {
    let (bytes, isTooFew) = partition.usedBytes.subtractingReportingOverflow(data)
    guard !isTooFew, bytes % UInt64(pageSize) == 0 else {
      throw .format(
        FormatError(
          file: input.path, offset: 160, field: "used_device",
          expected: "whole blocks from the first page, at \(hex(data)), on", found: "\(partition.usedBytes) bytes"))
    }
    return bytes / UInt64(pageSize)
  }
}

/// The dump header of sadump, and where the rest lies that stands once: both bitmaps and the first page. Checked against
/// the file's size. Source: makedumpfile, sadump_mod.h; Documentation/sadump.md §3.
struct SadumpHeader: Sendable {
  /// Newest header version that exists.
  private static let newestVersion: UInt32 = 1
  /// One past the highest frame of a 52-bit physical address.
  private static let frameLimit: UInt64 = 1 << 40
  private static let size = 120

  let version: UInt32
  /// One past the highest frame that the bitmaps describe.
  let maxMapnr: UInt64
  /// Where the bitmaps of RAM and of dumped frames begin.
  let memoryBitmap: UInt64
  let dumpableBitmap: UInt64
  /// Behind the bitmaps.
  let dataOffset: UInt64
  /// What the writer says that the dump takes of its devices.
  let writtenBytes: UInt64
  let remarks: [Remark]

  /// - Parameter offset: where the header stands.
  init(_ input: DumpInput, at offset: UInt64) throws(HostDumpError) {
    let block = SadumpPartition.blockSize
    let header = try FieldReader(input, base: offset, count: Int(block))
    try header.require(Self.size, "sadump_header")
    guard header.bytes.starts(with: SadumpPartition.magic) else {
      throw header.error("signature", at: 0, expected: "\"sadump\", the dump header", found: "something else")
    }
    let blockSize: UInt32 = try header.read("block_size", at: 40)
    guard blockSize == UInt32(block) else {
      throw header.error("block_size", at: 40, expected: "\(block), that of every known writer", found: "\(blockSize)")
    }
    var remarks: [Remark] = []
    version = try header.read("header_version", at: 8)
    if version > Self.newestVersion { remarks.append(.oddity("header_version \(version) is unknown, read as 1")) }
    let (field, at) = version == 0 ? ("max_mapnr", 60) : ("max_mapnr_64", 88)
    maxMapnr = version == 0 ? UInt64(try header.read(field, at: at, as: UInt32.self)) : try header.read(field, at: at)
    guard (1...Self.frameLimit).contains(maxMapnr) else {
      throw header.error(field, at: at, expected: "1 to 2^40 page frames", found: "\(maxMapnr)")
    }
    let written: UInt64 =
      version == 0
      ? UInt64(try header.read("written_blocks", at: 72, as: UInt32.self))
      : try header.read("written_blocks_64", at: 112)
    writtenBytes = written.multipliedReportingOverflow(by: block).partialValue

    let extra: UInt32 = try header.read("extra_hdr_size", at: 44)
    if extra != 0 {
      remarks.append(.oddity("extra_hdr_size is \(extra), and no reader knows what it stands for: ignored"))
    }
    let states: UInt32 = try header.read("sub_hdr_size", at: 48)
    memoryBitmap = offset + block + UInt64(states) * block
    dumpableBitmap = try Self.end(of: "bitmap_blocks", at: 52, from: memoryBitmap, maxMapnr, header, input.file)
    dataOffset = try Self.end(of: "dumpable_bitmap_blocks", at: 56, from: dumpableBitmap, maxMapnr, header, input.file)
    self.remarks = remarks
  }

  /// One past a bitmap, which must have a bit for each frame and lie in the file.
  private static func end(
    of field: String, at: Int, from start: UInt64, _ frames: UInt64, _ header: FieldReader, _ file: InputFile
  ) throws(HostDumpError) -> UInt64 {
    let blocks: UInt32 = try header.read(field, at: at)
    let bytes = UInt64(blocks) * SadumpPartition.blockSize
    guard frames <= bytes * 8 else {
      throw header.error(
        field, at: at, expected: "a bitmap for the \(frames) page frames of max_mapnr",
        found: "\(blocks) blocks, room for \(bytes * 8)")
    }
    guard file.held(from: start, count: bytes) == bytes else {
      throw header.error(
        field, at: at, expected: "a bitmap inside the file's \(file.size) bytes",
        found: "\(blocks) blocks from \(hex(start)) on")
    }
    return start + bytes
  }
}

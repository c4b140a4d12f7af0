/// The main header and sub-header of a kdump-compressed file, checked against the file's size. Source: makedumpfile
/// diskdump_mod.h; Documentation/kdump-compressed.md §2, §3, §8.
struct KdumpHeader: Sendable {
  static let magic = Array("KDUMP   ".utf8)
  /// Newest header version that exists.
  private static let newestVersion: Int32 = 6
  /// Bytes of disk_dump_header.
  static let mainSize = 464
  /// Bytes of kdump_sub_header by header version. Source: Documentation/kdump-compressed.md §3.
  private static let subSizes = [8, 12, 32, 48, 64, 80, 104]
  /// One past the highest frame of a 52-bit physical address.
  private static let frameLimit: UInt64 = 1 << 40

  let version: Int32
  let status: UInt32
  /// One past the highest pfn that the bitmaps describe.
  let maxMapnr: UInt64
  /// File offset of the first bitmap, and the bytes of one.
  let bitmapOffset: UInt64
  let bitmapBytes: UInt64
  /// The frames whose pages a part of a split set has; `nil`: the file is no part.
  let split: Range<UInt64>?
  /// `-d` level.
  let dumpLevel: Int?
  /// Places of the VMCOREINFO text and of the ELF notes, where they lie inside the file.
  let vmcoreinfo: Range<UInt64>?
  let notes: Range<UInt64>?
  /// What was odd or damaged but not fatal.
  let remarks: [Remark]

  /// File offset of the page descriptor table.
  var tableOffset: UInt64 { bitmapOffset + 2 * bitmapBytes }
  /// DUMP_DH_COMPRESSED_INCOMPLETE: the writer ran out of space.
  var isIncomplete: Bool { status & 0x08 != 0 }
  /// The codec that the header names; single pages may differ.
  var codec: PageCodec {
    [PageCodec.zlib, .lzo, .snappy, .zstd].first { status & $0.kdumpFlags != 0 } ?? .raw
  }

  init(_ input: DumpInput) throws(HostDumpError) {
    let main = try FieldReader(input, base: 0, count: pageSize)
    try main.require(Self.mainSize, "disk_dump_header")
    var remarks: [Remark] = []
    version = try main.read("header_version", at: 8)
    guard version >= 1 else {
      throw main.error("header_version", at: 8, expected: "1 to \(Self.newestVersion)", found: "\(version)")
    }
    if version > Self.newestVersion { remarks.append(.oddity("header_version \(version) is unknown, read as 6")) }
    let version = min(self.version, Self.newestVersion)
    try Self.checkMachine(main, &remarks)

    status = try main.read("status", at: 424)
    let subBlocks: Int32 = try main.read("sub_hdr_size", at: 432)
    guard subBlocks >= 1 else {
      throw main.error("sub_hdr_size", at: 432, expected: "at least 1 block", found: "\(subBlocks)")
    }
    let cpus: Int32 = try main.read("nr_cpus", at: 460)
    if cpus <= 0 { remarks.append(.oddity("nr_cpus is \(cpus)")) }

    let sub = try FieldReader(input, base: UInt64(pageSize), count: pageSize)
    try sub.require(Self.subSizes[Int(version)], "kdump_sub_header")
    dumpLevel = Int(try sub.read("dump_level", at: 8, as: Int32.self))
    maxMapnr = try Self.maxMapnr(main, sub, version, &remarks)
    split = try Self.split(sub, version, frames: maxMapnr)

    bitmapOffset = (1 + UInt64(subBlocks)) * UInt64(pageSize)
    bitmapBytes = try Self.bitmapBytes(main, at: bitmapOffset, frames: maxMapnr, fileSize: input.file.size)
    guard input.file.held(from: bitmapOffset, count: 2 * bitmapBytes) == 2 * bitmapBytes else {
      throw main.error(
        "bitmap_blocks", at: 436, expected: "both bitmaps in what is left of the cut file",
        found: "a part of them that is missing")
    }
    let bitmaps = bitmapOffset..<bitmapOffset + 2 * bitmapBytes

    let places = SubHeaderRanges(fileSize: input.file.size)
    vmcoreinfo =
      version >= 3
      ? places.range(
        try sub.read("offset_vmcoreinfo", at: 32), try sub.read("size_vmcoreinfo", at: 40), "vmcoreinfo", &remarks)
      : nil
    notes =
      version >= 4
      ? places.range(try sub.read("offset_note", at: 48), try sub.read("size_note", at: 56), "note", &remarks) : nil
    if let notes, notes.overlaps(bitmaps) {
      throw main.error(
        "sub_hdr_size", at: 432, expected: "blocks for the notes, which end at \(hex(notes.upperBound))",
        found: "\(subBlocks), so that the bitmaps begin at \(hex(bitmapOffset))")
    }
    if let notes, notes.lowerBound >= bitmaps.upperBound { remarks.append(.oddity("the notes lie behind the bitmaps")) }
    self.remarks = remarks
  }

  /// utsname.machine and block_size tell the machine. A writer may leave the name empty, as QEMU does.
  private static func checkMachine(_ main: FieldReader, _ remarks: inout [Remark]) throws(HostDumpError) {
    let names = (0..<6).map { main.bytes[(12 + 65 * $0)..<(12 + 65 * ($0 + 1))] }
    if names.contains(where: { !$0.contains(0) }) { remarks.append(.oddity("a name in utsname has no end: it is cut")) }
    let name = names[4].prefix { $0 != 0 }
    if name.count < names[4].count, !name.isEmpty, Array(name) != Array("x86_64".utf8) {
      let text = String(decoding: name.map { (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
      throw .unsupported(
        file: main.file, format: "a kdump of a machine of type \(text)", remedy: "only x86_64 hosts run VMX guests")
    }
    let blockSize: Int32 = try main.read("block_size", at: 428)
    guard blockSize != Int32(pageSize) else { return }
    // In the 32-bit layout block_size stands 12 bytes lower.
    if try main.read("block_size", at: 416, as: Int32.self) == Int32(pageSize), blockSize.nonzeroBitCount != 1 {
      throw .unsupported(
        file: main.file, format: "a kdump of a 32-bit machine", remedy: "only x86_64 hosts run VMX guests")
    }
    if [8192, 16_384, 32_768, 65_536].contains(blockSize) {
      throw .unsupported(
        file: main.file, format: "a kdump of a machine with pages of \(blockSize) bytes",
        remedy: "only x86_64 hosts run VMX guests")
    }
    throw main.error("block_size", at: 428, expected: "4096", found: "\(blockSize)")
  }

  private static func split(
    _ sub: FieldReader, _ version: Int32, frames: UInt64
  ) throws(HostDumpError) -> Range<UInt64>? {
    guard version >= 2, try sub.read("split", at: 12, as: UInt32.self) != 0 else { return nil }
    let (start, end) = version >= 6 ? (80, 88) : (16, 24)
    let (first, last): (UInt64, UInt64) = (try sub.read("start_pfn", at: start), try sub.read("end_pfn", at: end))
    guard first <= last else {
      throw sub.error("end_pfn", at: end, expected: "at least start_pfn, \(hex(first))", found: hex(last))
    }
    guard last <= frames else {
      throw sub.error("end_pfn", at: end, expected: "at most max_mapnr, \(hex(frames))", found: hex(last))
    }
    return first..<last
  }

  private static func maxMapnr(
    _ main: FieldReader, _ sub: FieldReader, _ version: Int32, _ remarks: inout [Remark]
  ) throws(HostDumpError) -> UInt64 {
    let short: UInt32 = try main.read("max_mapnr", at: 440)
    var value = UInt64(short)
    if version >= 6 {
      value = try sub.read("max_mapnr_64", at: 96)
      if short != UInt32(clamping: value) {
        remarks.append(.oddity("max_mapnr \(short) disagrees with max_mapnr_64 \(value), which counts"))
      }
    }
    guard (1...frameLimit).contains(value) else {
      let expected = value == 0 ? "at least 1 page frame" : "at most 2^40 page frames"
      throw version >= 6
        ? sub.error("max_mapnr_64", at: 96, expected: expected, found: "\(value)")
        : main.error("max_mapnr", at: 440, expected: expected, found: "\(value)")
    }
    return value
  }

  /// Bytes of one bitmap: half of bitmap_blocks. Both must lie inside the file.
  private static func bitmapBytes(
    _ main: FieldReader, at offset: UInt64, frames: UInt64, fileSize: UInt64
  ) throws(HostDumpError) -> UInt64 {
    let blocks: UInt32 = try main.read("bitmap_blocks", at: 436)
    guard blocks > 0, blocks % 2 == 0 else {
      throw main.error("bitmap_blocks", at: 436, expected: "two bitmaps of equal length", found: "\(blocks) blocks")
    }
    let bytes = UInt64(blocks) / 2 * UInt64(pageSize)
    guard frames <= bytes * 8 else {
      throw main.error(
        "bitmap_blocks", at: 436, expected: "two bitmaps for the \(frames) page frames of max_mapnr",
        found: "\(blocks) blocks, room for \(bytes * 8)")
    }
    guard offset < fileSize else {
      throw main.error(
        "sub_hdr_size", at: 432, expected: "bitmaps inside the file's \(fileSize) bytes",
        found: "\(offset / UInt64(pageSize) - 1) blocks")
    }
    guard offset + 2 * bytes <= fileSize else {
      throw main.error(
        "bitmap_blocks", at: 436, expected: "bitmaps inside the file's \(fileSize) bytes",
        found: "\(blocks) blocks from \(hex(offset)) on")
    }
    return bytes
  }
}

/// Checks the (offset, size) pairs of the sub-header: one that lies outside the file is remarked on and ignored.
private struct SubHeaderRanges {
  let fileSize: UInt64

  func range(_ offset: UInt64, _ size: UInt64, _ name: String, _ remarks: inout [Remark]) -> Range<UInt64>? {
    guard offset != 0, size != 0 else { return nil }
    let (end, overflow) = offset.addingReportingOverflow(size)
    guard !overflow, end <= fileSize, size <= Note.maximumBytes else {
      remarks.append(.damage("offset_\(name) \(hex(offset)) with size_\(name) \(size) lies outside the file: ignored"))
      return nil
    }
    return offset..<end
  }
}

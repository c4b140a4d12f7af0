/// The main header and sub-header of a kdump-compressed file, checked against the file's size.
/// Source: makedumpfile diskdump_mod.h; formats/kdump-compressed.md §2, §3, §8.
struct KdumpHeader: Sendable {
  static let magic = Array("KDUMP   ".utf8)
  static let descriptorSize: UInt64 = 24
  /// Newest header version that exists.
  private static let newestVersion: Int32 = 6

  let version: Int32
  let status: UInt32
  /// One past the highest pfn that the bitmaps describe.
  let maxMapnr: UInt64
  /// File offset of the first bitmap, and the bytes of one.
  let bitmapOffset: UInt64
  let bitmapBytes: UInt64
  /// `-d` level; `nil` before version 1, which had no such field.
  let dumpLevel: Int?
  /// Places of the VMCOREINFO text and of the ELF notes, where they lie inside the file.
  let vmcoreinfo: Range<UInt64>?
  let notes: Range<UInt64>?
  /// What was odd but not fatal.
  let remarks: [String]

  /// File offset of the page descriptor table.
  var tableOffset: UInt64 { bitmapOffset + 2 * bitmapBytes }
  /// DUMP_DH_COMPRESSED_INCOMPLETE: the writer ran out of space.
  var isIncomplete: Bool { status & 0x08 != 0 }
  /// The codec that the header names; single pages may differ.
  var encoding: PageEncoding {
    [PageEncoding.zlib, .lzo, .snappy, .zstd].first { status & $0.rawValue != 0 } ?? .raw
  }

  init(_ file: InputFile) throws(HostDumpError) {
    let main = try FieldReader(file, base: 0, count: pageSize)
    let sub = try FieldReader(file, base: UInt64(pageSize), count: pageSize)
    var remarks: [String] = []

    version = try main.read("header_version", at: 8)
    guard version >= 1 else {
      throw main.error("header_version", at: 8, expected: "1 to \(Self.newestVersion)", found: "\(version)")
    }
    if version > Self.newestVersion { remarks.append("header_version \(version) is unknown, read as 6") }
    let version = min(self.version, Self.newestVersion)

    let machine = String(decoding: main.bytes.dropFirst(272).prefix(65).prefix { $0 != 0 }, as: UTF8.self)
    guard machine.isEmpty || machine == "x86_64" else {
      throw .unsupported(
        file: file.path, format: "a kdump of a machine of type \(machine)", remedy: "only x86_64 hosts run VMX guests")
    }
    status = try main.read("status", at: 424)
    let blockSize: Int32 = try main.read("block_size", at: 428)
    guard blockSize == Int32(pageSize) else {
      throw main.error("block_size", at: 428, expected: "4096", found: "\(blockSize)")
    }
    let subBlocks: Int32 = try main.read("sub_hdr_size", at: 432)
    guard subBlocks >= 1 else {
      throw main.error("sub_hdr_size", at: 432, expected: "at least 1 block", found: "\(subBlocks)")
    }
    let bitmapBlocks: UInt32 = try main.read("bitmap_blocks", at: 436)
    let maxMapnr32: UInt32 = try main.read("max_mapnr", at: 440)

    dumpLevel = Int(try sub.read("dump_level", at: 8, as: Int32.self))
    if version >= 2, try sub.read("split", at: 12, as: UInt32.self) != 0 {
      throw .unsupported(
        file: file.path, format: "one part of a split set (makedumpfile --split)",
        remedy: "join the parts with: makedumpfile --reassemble PART... WHOLE")
    }
    let places = SubHeaderPlaces(fileSize: file.size)
    vmcoreinfo =
      version >= 3
      ? places.range(
        try sub.read("offset_vmcoreinfo", at: 32), try sub.read("size_vmcoreinfo", at: 40), "vmcoreinfo", &remarks)
      : nil
    notes =
      version >= 4
      ? places.range(try sub.read("offset_note", at: 48), try sub.read("size_note", at: 56), "note", &remarks) : nil
    if version >= 6 {
      maxMapnr = try sub.read("max_mapnr_64", at: 96)
      if maxMapnr32 != UInt32(clamping: maxMapnr) {
        remarks.append("max_mapnr \(maxMapnr32) disagrees with max_mapnr_64 \(maxMapnr), which counts")
      }
    } else {
      maxMapnr = UInt64(maxMapnr32)
    }
    let mapnr = version >= 6 ? (field: sub, name: "max_mapnr_64", at: 96) : (field: main, name: "max_mapnr", at: 440)
    guard maxMapnr > 0 else {
      throw mapnr.field.error(mapnr.name, at: mapnr.at, expected: "at least 1 page frame", found: "0")
    }

    bitmapOffset = (1 + UInt64(subBlocks)) * UInt64(pageSize)
    guard bitmapBlocks > 0, bitmapBlocks % 2 == 0 else {
      throw main.error("bitmap_blocks", at: 436, expected: "two bitmaps of equal length", found: "\(bitmapBlocks) blocks")
    }
    bitmapBytes = UInt64(bitmapBlocks) / 2 * UInt64(pageSize)
    guard maxMapnr <= bitmapBytes * 8 else {
      throw main.error(
        "bitmap_blocks", at: 436, expected: "two bitmaps for \(maxMapnr) page frames (\(mapnr.name))",
        found: "\(bitmapBlocks) blocks, room for \(bitmapBytes * 8)")
    }
    guard bitmapOffset + 2 * bitmapBytes <= file.size else {
      throw main.error(
        subBlocks > 1 << 16 ? "sub_hdr_size" : "bitmap_blocks", at: subBlocks > 1 << 16 ? 432 : 436,
        expected: "headers and bitmaps inside the file's \(file.size) bytes",
        found: "\(subBlocks) + \(bitmapBlocks) blocks")
    }
    self.remarks = remarks
  }
}

/// Checks the (offset, size) pairs of the sub-header: one that lies outside the file is remarked on and ignored.
private struct SubHeaderPlaces {
  let fileSize: UInt64

  func range(_ offset: UInt64, _ size: UInt64, _ name: String, _ remarks: inout [String]) -> Range<UInt64>? {
    guard offset != 0, size != 0 else { return nil }
    let (end, overflow) = offset.addingReportingOverflow(size)
    guard !overflow, end <= fileSize, size <= Note.maximumBytes else {
      remarks.append("offset_\(name) \(hex(offset)) with size_\(name) \(size) lies outside the file: ignored")
      return nil
    }
    return offset..<end
  }
}

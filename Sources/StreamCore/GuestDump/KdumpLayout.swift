/// Where the parts of a kdump-compressed file of version 6 lie, and its header blocks. Source: makedumpfile
/// diskdump_mod.h, IMPLEMENTATION; Documentation/kdump-compressed.md §1-6.
struct KdumpLayout: Sendable {
  static let block = UInt64(pageSize)
  /// struct kdump_sub_header of version 6; the notes follow.
  static let subHeaderSize = 104
  static let descriptorSize: UInt64 = 24
  /// Bytes that a file has at most: 64 TiB, four times what ext4 takes, so that a descriptor can be kept in 8 bytes.
  static let limit: UInt64 = 1 << 46
  private static let headerVersion: Int32 = 6

  /// One past the highest frame that the bitmaps describe.
  let frames: UInt64
  let pages: UInt64
  private let notes: GuestNotes
  private let subHeaderBlocks: UInt64
  /// Blocks of one of the two bitmaps.
  private let bitmapBlocks: UInt64

  /// File offset of the bitmap of frames that are RAM.
  var firstBitmap: UInt64 { (1 + subHeaderBlocks) * Self.block }
  /// File offset of the bitmap of frames that are in the file.
  var secondBitmap: UInt64 { firstBitmap + bitmapBlocks * Self.block }
  /// File offset of the page descriptors.
  var descriptors: UInt64 { secondBitmap + bitmapBlocks * Self.block }
  /// File offset of the page that all zero pages share. Its place is always kept: whether there is a zero page, nobody
  /// knows before the last page has come.
  var zeroPage: UInt64 { descriptors + pages * Self.descriptorSize }
  /// File offset of the first byte of stored pages.
  var data: UInt64 { zeroPage + Self.block }

  /// `nil` when the memory is more than the format's fields can tell, 2^46 frames or 2^31 blocks of notes, or its pages
  /// are more than a file is given room for.
  init?(_ image: GuestImage, notes: GuestNotes) {
    frames = max(image.known.end, image.present.end)
    pages = image.present.count
    self.notes = notes
    subHeaderBlocks = (UInt64(Self.subHeaderSize + notes.bytes.count) + Self.block - 1) / Self.block
    bitmapBlocks = max(1, (frames + FrameBitmap.framesPerChunk - 1) / FrameBitmap.framesPerChunk)
    guard frames <= 1 << 46, bitmapBlocks * 2 <= UInt64(UInt32.max), subHeaderBlocks <= UInt64(Int32.max),
      pages <= Self.limit / (Self.block + Self.descriptorSize), data + pages * Self.block <= Self.limit
    else { return nil }
  }

  /// The main header, one block: struct disk_dump_header. The time is 0: the same input gives the same bytes, and
  /// tv_usec must not look like a block size (Documentation/kdump-compressed.md §2).
  func header(_ image: GuestImage) -> [UInt8] {
    var header = Array("KDUMP   ".utf8)
    header.append(littleEndian: Self.headerVersion)
    header += image.utsname.fields
    header += repeatElement(0, count: pageSize - header.count)
    header.store(image.codec.kdumpFlags, at: 424)
    header.store(Int32(Self.block), at: 428)
    header.store(UInt32(truncatingIfNeeded: subHeaderBlocks), at: 432)
    header.store(UInt32(truncatingIfNeeded: bitmapBlocks * 2), at: 436)
    header.store(UInt32(clamping: frames), at: 440)
    header.store(UInt32(truncatingIfNeeded: image.vcpus.count), at: 460)
    return header
  }

  /// The sub-header and the notes after it. Nothing was filtered by choice (dump_level 0), and it is no part of a split
  /// set.
  func subHeader(_ image: GuestImage) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: Self.subHeaderSize)
    let notesOffset = Self.block + UInt64(Self.subHeaderSize)
    header.store(image.physBase, at: 0)
    if let text = notes.vmcoreinfo {
      header.store(notesOffset + UInt64(text.lowerBound), at: 32)
      header.store(UInt64(text.count), at: 40)
    }
    header.store(notesOffset, at: 48)
    header.store(UInt64(notes.bytes.count), at: 56)
    header.store(frames, at: 96)
    return header + notes.bytes
  }

  /// All that stands in the file beside descriptors and pages. A chunk of a bitmap is a block of the file; empty ones
  /// are left out, and are holes.
  /// - Parameter kept: the guest frames that are in the file; frozen.
  func forEachPart(
    of image: GuestImage, keeping kept: FrameBitmap, _ body: (FilePart) throws(SystemError) -> Void
  ) throws(SystemError) {
    for (bitmap, offset) in [(image.known, firstBitmap), (kept, secondBitmap)] {
      for chunk in bitmap.chunks {
        try body(FilePart(offset: offset + chunk * Self.block, bytes: bitmap.chunkBytes(chunk)))
      }
    }
    try body(FilePart(offset: 0, bytes: header(image)))
    try body(FilePart(offset: Self.block, bytes: subHeader(image)))
  }
}

/// The first blocks of a kdump-compressed file: the header and the sub-header that follows it.
/// Source: makedumpfile, diskdump_mod.h; Documentation/kdump-compressed.md.
public struct KdumpHead: Sendable {
  /// A part of a file, in bytes.
  public struct Part: Sendable {
    public var offset: UInt64
    public var size: UInt64

    public init(offset: UInt64 = 0, size: UInt64 = 0) {
      self.offset = offset
      self.size = size
    }
  }

  /// Bytes of a block, and of a page.
  public static let block: UInt64 = 4096

  public var version: UInt32 = 6
  public var utsname: [String]
  /// The codec's flag, as in descriptors.
  public var status: UInt32 = 0
  /// Blocks of the sub-header with its notes, and of both bitmaps.
  public var subBlocks: UInt64 = 0
  public var bitmapBlocks: UInt64 = 0
  /// One past the highest frame.
  public var end: UInt64
  public var cpus: UInt32
  /// `phys_base`, bytes.
  public var physBase: Int64
  /// makedumpfile's -d.
  public var level: UInt32 = 1
  /// The frames of one part of a split set, or `nil` for a file of its own.
  public var frames: Range<UInt64>?
  public var vmcoreInfo = Part()
  public var notes = Part()

  /// The head of a dump of this kernel's machine.
  public init(_ kernel: BuiltKernel, end: UInt64) {
    utsname = kernel.description.utsname
    cpus = UInt32(kernel.description.cpus)
    physBase = kernel.physBase
    self.end = end
  }

  /// Bytes of a version's sub-header.
  public static func subHeaderSize(version: UInt32) -> UInt64 { [8, 12, 32, 48, 64, 80, 104][Int(min(version, 6))] }

  /// Block 0.
  public var header: [UInt8] {
    var bytes = Array("KDUMP   ".utf8) + LittleEndian.bytes(version)
    for name in utsname {
      bytes += Array(name.utf8.prefix(64))
      bytes += repeatElement(0, count: 65 - min(name.utf8.count, 64))
    }
    bytes += repeatElement(0, count: 424 - bytes.count)
    let blocks = [UInt32(KdumpHead.block), UInt32(subBlocks), UInt32(clamping: bitmapBlocks)]
    for word in [status] + blocks + [UInt32(clamping: end), 0, 0, 0, 0, cpus] { bytes += LittleEndian.bytes(word) }
    return bytes + [UInt8](repeating: 0, count: Int(KdumpHead.block) - bytes.count)
  }

  /// What stands at the start of block 1: as much of it as the version knows.
  public var subHeader: [UInt8] {
    let start = frames?.lowerBound ?? 0
    let stop = frames?.upperBound ?? 0
    var bytes = LittleEndian.bytes(physBase) + LittleEndian.bytes(level)
    bytes += LittleEndian.bytes(UInt32(frames == nil ? 0 : 1))
    let words = [
      min(start, 0xffff_ffff), min(stop, 0xffff_ffff), vmcoreInfo.offset, vmcoreInfo.size, notes.offset, notes.size, 0,
      0, start, stop, end,
    ]
    bytes += LittleEndian.bytes(words)
    return Array(bytes.prefix(Int(KdumpHead.subHeaderSize(version: version))))
  }
}

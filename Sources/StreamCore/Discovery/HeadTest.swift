/// What a page's first 16 bytes say, and which pages need not be looked at.
struct HeadTest: Sendable {
  /// Bytes of a page that it looks at.
  static let size = 16
  /// Most abort indicators that exist. Source: SDM vol. 3, 28.7.
  private static let abortLimit: UInt32 = 16

  private let heads: [UInt32: UInt64]
  /// One bit for each value of the id's low six bits: most pages end here.
  private let filter: UInt64
  /// One bit for each value of the first byte that a head of interest can have.
  private let firstBytes: (UInt64, UInt64, UInt64, UInt64)

  init(_ heads: [UInt32: UInt64]) {
    self.heads = heads
    filter = heads.keys.reduce(0) { $0 | 1 << UInt64($1 & 63) }
    var bytes: [UInt64] = [0, 0, 0, 0]
    for byte in heads.keys.map({ UInt8(truncatingIfNeeded: $0) }) + VMCoreInfo.firstBytes + VMCB.firstBytes {
      bytes[Int(byte >> 6)] |= 1 << UInt64(byte & 63)
    }
    firstBytes = (bytes[0], bytes[1], bytes[2], bytes[3])
  }

  /// Whether a page that begins with this byte can be of interest.
  @inline(__always)
  func canBegin(with byte: UInt8) -> Bool {
    let bits =
      switch byte >> 6 {
      case 0: firstBytes.0
      case 1: firstBytes.1
      case 2: firstBytes.2
      default: firstBytes.3
      }
    return bits >> UInt64(byte & 63) & 1 == 1
  }

  @inline(__always)
  func isRegion(_ head: PageHead) -> Bool {
    let id = UInt32(truncatingIfNeeded: head.low) & 0x7fff_ffff
    guard filter >> UInt64(id & 63) & 1 == 1, UInt32(truncatingIfNeeded: head.low >> 32) < Self.abortLimit else {
      return false
    }
    guard let zeros = heads[id] else { return false }
    return head.high & zeros == 0
  }

  @inline(__always)
  func isVMCB(_ head: PageHead) -> Bool { VMCB.canBegin(with: head.low, head.high) }

  @inline(__always)
  func isVMCoreInfo(_ head: PageHead) -> Bool { VMCoreInfo.canBegin(with: head.low, head.high) }
}

/// The size filter: a page stored in more bytes is neither a region nor VMCOREINFO. Raw pages are never ruled out.
///
/// A region whose every field is random is stored in at most three quarters of its limit, real ones take 400 to 600
/// bytes (Documentation/vmcs.md §12). A page as full of VMCOREINFO as the kernel's buffer lets it be
/// (VMCOREINFO_BYTES), with random names and values, is stored in less than the limit; real ones take half.
/// HeadFilterTests measures both.
enum StoredSizeLimit {
  /// Of regions, in every codec.
  static let region: UInt32 = 2560

  /// Of regions and VMCOREINFO.
  @inline(__always)
  static func of(_ codec: PageCodec) -> UInt32 {
    switch codec {
    case .raw: UInt32(pageSize)
    case .lzo, .snappy: 3584
    case .zlib, .zstd: 2560
    }
  }

  /// Whether a page can be of interest by its size.
  @inline(__always)
  static func allows(_ page: StoredPage) -> Bool { page.size <= of(page.codec) }

  @inline(__always)
  static func allowsRegion(_ page: StoredPage) -> Bool { page.codec == .raw || page.size <= region }
}

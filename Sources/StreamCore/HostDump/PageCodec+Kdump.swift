/// A codec as kdump-compressed files name it: in the flags of a page descriptor, and by the same bits in the header's
/// `status`. Source: makedumpfile diskdump_mod.h, DUMP_DH_COMPRESSED_*.
extension PageCodec {
  @inline(__always)
  init?(kdumpFlags: UInt32) {
    switch kdumpFlags {
    case 0: self = .raw
    case 0x1: self = .zlib
    case 0x2: self = .lzo
    case 0x4: self = .snappy
    case 0x20: self = .zstd
    default: return nil
    }
  }

  var kdumpFlags: UInt32 {
    switch self {
    case .raw: 0
    case .zlib: 0x1
    case .lzo: 0x2
    case .snappy: 0x4
    case .zstd: 0x20
    }
  }
}

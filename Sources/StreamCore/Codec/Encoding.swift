/// How the bytes of a stored page are encoded. Raw values are the flags of a kdump page descriptor; the `status` bits
/// of the header are the same. Source: makedumpfile diskdump_mod.h.
public enum PageEncoding: UInt32, Sendable, CaseIterable, Codable {
  case raw = 0
  case zlib = 0x1
  case lzo = 0x2
  case snappy = 0x4
  case zstd = 0x20

  public var name: String {
    switch self {
    case .raw: "raw"
    case .zlib: "zlib"
    case .lzo: "lzo"
    case .snappy: "snappy"
    case .zstd: "zstd"
    }
  }
}

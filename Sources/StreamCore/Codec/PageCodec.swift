import Glibc

/// How the bytes of a stored page are encoded.
public enum PageCodec: Sendable, CaseIterable {
  case raw
  case zlib
  case lzo
  case snappy
  case zstd

  /// As users and the manifest write it.
  public var name: String {
    switch self {
    case .raw: "raw"
    case .zlib: "zlib"
    case .lzo: "lzo"
    case .snappy: "snappy"
    case .zstd: "zstd"
    }
  }

  /// The codec's library did not start or got no memory: the run's failure, and no page's fault. LZO keeps no memory,
  /// it only checks itself.
  var unavailable: SystemError {
    SystemError(call: "init", path: "codec \(name)", code: self == .lzo ? ELIBBAD : ENOMEM)
  }
}

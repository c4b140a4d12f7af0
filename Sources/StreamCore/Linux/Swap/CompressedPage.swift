/// A page that zswap holds.
struct CompressedPage: Sendable, Equatable {
  enum Content: Sendable, Equatable {
    /// In this order.
    case stored([Part], SwapCodec)
    /// Not smaller by its codec, and kept as it is, since 6.18.
    case raw([Part])
    /// One word 512 times over.
    case filled(UInt64)
  }

  /// Bytes within a frame.
  struct Part: Sendable, Equatable {
    let frame: UInt64
    let offset: Int
    let count: Int
  }

  let content: Content
}

/// Why a page that zswap holds is not read.
enum ZswapFault: Error, Equatable, Sendable {
  /// A codec that is none of ours, or no name of one.
  case codec(String)
  /// An allocator that is none of ours, or no name of one.
  case allocator(String)
  case types(TypeFault)
  /// What it hangs on cannot be read.
  case unreadable(String)
  /// What stands there is not what should: of which structure, and why.
  case damaged(String)
}

extension ZswapFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .codec(let name): "its codec is \(name)"
    case .allocator(let name): "its allocator is \(name)"
    case .types(let fault): "\(fault)"
    case .unreadable(let what): "\(what) cannot be read"
    case .damaged(let what): what
    }
  }
}

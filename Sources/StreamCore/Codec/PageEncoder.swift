/// Encodes pages: zlib and zstd at level 1, LZO1X-1, snappy. It keeps the library's context from page to page (snappy
/// has none): one for each worker. The same page gives the same bytes, whatever was encoded before.
final class PageEncoder {
  let codec: PageCodec

  private enum Library {
    case none
    case zlib(DeflateEncoder)
    case lzo(LZOEncoder)
    case snappy
    case zstd(ZstdEncoder)
  }

  private let library: Library
  /// As large as the codec's worst case, which is more than a page.
  private var scratch: [UInt8]

  /// Without memory for the library's context, every page is left as it is.
  init(_ codec: PageCodec) {
    self.codec = codec
    let worstSize: Int
    switch codec {
    case .raw:
      library = .none
      worstSize = 0
    case .zlib:
      let deflate = DeflateEncoder()
      library = deflate.map(Library.zlib) ?? .none
      worstSize = deflate?.worstSize ?? 0
    case .lzo:
      library = .lzo(LZOEncoder())
      worstSize = LZO.worstSize
    case .snappy:
      library = .snappy
      worstSize = Snappy.worstSize
    case .zstd:
      library = ZstdEncoder().map(Library.zstd) ?? .none
      worstSize = ZstdEncoder.worstSize
    }
    scratch = Array(repeating: 0, count: worstSize)
  }

  /// Appends the encoded page to `output` and returns how many bytes that is, 1 to 4095. `nil`, and nothing appended,
  /// when the codec does not make the page smaller (the page is then stored raw), and for anything but 4096 bytes.
  func encode(_ page: RawSpan, into output: inout [UInt8]) -> Int? {
    guard page.byteCount == pageSize else { return nil }
    // Safe: both buffers live across the call, and each codec is given the size of the one it writes to.
    let written: Int? = unsafe page.withUnsafeBytes { input in
      unsafe scratch.withUnsafeMutableBytes { room in
        switch library {
        case .none: nil
        case .zlib(let encoder): unsafe encoder.encode(input, into: room)
        case .lzo(let encoder): unsafe encoder.encode(input, into: room)
        case .snappy: unsafe Snappy.encode(input, into: room)
        case .zstd(let encoder): unsafe encoder.encode(input, into: room)
        }
      }
    }
    guard let written, written < pageSize else { return nil }
    output += scratch[0..<written]
    return written
  }
}

/// One for each worker: the contexts are not for two at a time.
@available(*, unavailable)
extension PageEncoder: Sendable {}

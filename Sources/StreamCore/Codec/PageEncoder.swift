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
    /// It did not start.
    case unavailable
  }

  private let library: Library
  /// As large as the codec's worst case, which is more than a page.
  private var scratch: [UInt8]

  /// - Parameter hasMemory: `false`: the library gets none, for tests of what becomes of that.
  init(_ codec: PageCodec, hasMemory: Bool = true) {
    self.codec = codec
    let worstSize: Int
    switch codec {
    case .raw:
      library = .none
      worstSize = 0
    case .zlib:
      let deflate = hasMemory ? DeflateEncoder() : nil
      library = deflate.map(Library.zlib) ?? .unavailable
      worstSize = deflate?.worstSize ?? 0
    case .lzo:
      library = LZO.isReady ? .lzo(LZOEncoder()) : .unavailable
      worstSize = LZO.worstSize
    case .snappy:
      library = .snappy
      worstSize = Snappy.worstSize
    case .zstd:
      library = hasMemory ? ZstdEncoder().map(Library.zstd) ?? .unavailable : .unavailable
      worstSize = ZstdEncoder.worstSize
    }
    scratch = Array(repeating: 0, count: worstSize)
  }

  /// Appends the encoded page to `output` and returns how many bytes that is, 1 to 4095. `nil`, and nothing appended,
  /// when the codec does not make the page smaller (the page is then stored raw), and for anything but 4096 bytes.
  /// - Throws: when the library did not start. To store pages raw then would make the output depend on the run.
  func encode(_ page: RawSpan, into output: inout [UInt8]) throws(SystemError) -> Int? {
    guard page.byteCount == pageSize else { return nil }
    if case .unavailable = library { throw codec.unavailable }
    // Safe: both buffers live across the call, and each codec is given the size of the one it writes to.
    let written: Int? = unsafe page.withUnsafeBytes { input in
      unsafe scratch.withUnsafeMutableBytes { room in
        switch library {
        case .none, .unavailable: nil
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

/// What a kernel's swap in memory compresses pages with, by the name that its crypto interface has for it.
///
/// Source: crypto/lzo.c, lzo-rle.c, deflate.c, zstd.c, lz4.c.
enum SwapCodec: String, Sendable, CaseIterable {
  case lzo
  /// LZO with runs of zeros, since 5.1.
  case lzoRLE = "lzo-rle"
  /// Without zlib's head and checksum.
  case deflate
  case zstd
  /// A block without a frame; what lz4hc writes is the same.
  case lz4
  case lz4hc
}

extension PageDecoder {
  /// Decodes one page as a kernel has compressed it, 1 to 4096 bytes, into `page`, which is brought to 4096 bytes. `nil`
  /// is success: it is exactly a page; after a fault the bytes of `page` mean nothing.
  func decode(_ stored: RawSpan, _ codec: SwapCodec, into page: inout [UInt8]) throws(SystemError) -> DecodeFault? {
    switch codec {
    case .lzo: return try decode(stored, PageCodec.lzo, into: &page)
    case .zstd: return try decode(stored, PageCodec.zstd, into: &page)
    case .lzoRLE, .deflate, .lz4, .lz4hc: break
    }
    guard (1...pageSize).contains(stored.byteCount) else { return .wrongStoredSize(stored.byteCount) }
    switch codec {
    case .lzoRLE:
      do throws(DecodeFault) { page = try LZORLE.decode(stored) } catch { return error }
      return nil
    case .lz4, .lz4hc:
      if page.count != pageSize { page = Array(repeating: 0, count: pageSize) }
      return LZ4Block.decode(stored, into: &page)
    default:
      if page.count != pageSize { page = Array(repeating: 0, count: pageSize) }
      guard let deflate else { throw PageCodec.zlib.unavailable }
      return deflate.decodeBare(stored, into: &page)
    }
  }
}

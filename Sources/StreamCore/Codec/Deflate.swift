import CDeflate

/// libdeflate, for whole zlib streams: both ways it takes little more than half of zlib's time on pages, and a page
/// comes out no larger at level 1. zlib has the last word on what cannot be decoded.
@safe final class DeflateDecoder {
  private let context: OpaquePointer
  private let zlib: Inflater

  /// `nil` when there is no memory for it.
  init?(zlib: Inflater) {
    guard let context = unsafe libdeflate_alloc_decompressor() else { return nil }
    unsafe self.context = context
    self.zlib = zlib
  }

  deinit {
    // Safe: made by `init`, and owned by this object alone.
    unsafe libdeflate_free_decompressor(context)
  }

  /// `page` has 4096 bytes. What follows the stream is accepted, as by uncompress().
  func decode(_ stored: UnsafeRawBufferPointer, into page: UnsafeMutableRawBufferPointer) -> DecodeFault? {
    // Safe: libdeflate keeps to both lengths. Without a place for the length it demands exactly the page's.
    let result = unsafe libdeflate_zlib_decompress(
      context, stored.baseAddress, stored.count, page.baseAddress, page.count, nil)
    return result == LIBDEFLATE_SUCCESS ? nil : unsafe zlib.decode(stored, into: page)
  }

  /// The same of a stream without zlib's head and checksum, behind which nothing may follow. `page` has 4096 bytes.
  func decodeBare(_ stored: RawSpan, into page: inout [UInt8]) -> DecodeFault? {
    var read = 0
    var written = 0
    // Safe: libdeflate keeps to both lengths, and both buffers live across the call.
    let result = unsafe stored.withUnsafeBytes { input in
      unsafe page.withUnsafeMutableBytes { output in
        unsafe libdeflate_deflate_decompress_ex(
          context, input.baseAddress, input.count, output.baseAddress, output.count, &read, &written)
      }
    }
    switch result {
    case LIBDEFLATE_SUCCESS where written < page.count: return .short(written)
    case LIBDEFLATE_SUCCESS: return read == stored.byteCount ? nil : .trailing
    case LIBDEFLATE_INSUFFICIENT_SPACE: return .long
    default: return .corrupt("data error")
    }
  }
}

/// Encodes zlib streams at level 1.
@safe final class DeflateEncoder {
  private let context: OpaquePointer

  /// Bytes that a page takes at most.
  let worstSize: Int

  /// `nil` when there is no memory for it.
  init?() {
    guard let context = unsafe libdeflate_alloc_compressor(1) else { return nil }
    unsafe self.context = context
    worstSize = unsafe libdeflate_zlib_compress_bound(context, pageSize)
  }

  deinit {
    // Safe: as for the decoder.
    unsafe libdeflate_free_compressor(context)
  }

  /// Bytes written, `nil` when they do not fit.
  func encode(_ page: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int? {
    // Safe: as for the decoder.
    let written = unsafe libdeflate_zlib_compress(
      context, page.baseAddress, page.count, output.baseAddress, output.count)
    return written > 0 ? written : nil
  }
}

import CLz4
import CLzma
import CZlib
import CZstd
import HostModel

/// A whole file compressed, as gzip, xz, zstd and lz4 write them.
package enum RecipeWrapper: String, Sendable, CaseIterable {
  case gzip
  case xz
  case zstd
  case lz4

  private struct Refusal: Error {}

  /// One member, stream or frame.
  package func wrap(_ file: [UInt8]) throws -> [UInt8] {
    var out = [UInt8](repeating: 0, count: file.count + file.count / 8 + 4096)
    let size: Int
    switch self {
    case .gzip:
      var stream = unsafe z_stream()
      // Safe, here and below: the arrays outlive the calls, and the libraries keep to the lengths given.
      let code = unsafe file.withUnsafeBytes { input in
        unsafe out.withUnsafeMutableBytes { output in
          unsafe stream.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
          unsafe stream.avail_in = UInt32(input.count)
          unsafe stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
          unsafe stream.avail_out = UInt32(output.count)
          let begun = unsafe deflateInit2_(
            &stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
          guard begun == Z_OK else { return begun }
          defer { _ = unsafe deflateEnd(&stream) }
          return unsafe deflate(&stream, Z_FINISH)
        }
      }
      guard code == Z_STREAM_END else { throw Refusal() }
      size = unsafe Int(stream.total_out)
    case .xz:
      var length = 0
      let code = unsafe lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, nil, file, file.count, &out, &length, out.count)
      guard code == LZMA_OK else { throw Refusal() }
      size = length
    case .zstd:
      size = unsafe ZSTD_compress(&out, out.count, file, file.count, 1)
      guard ZSTD_isError(size) == 0 else { throw Refusal() }
    case .lz4:
      size = unsafe LZ4F_compressFrame(&out, out.count, file, file.count, nil)
      guard LZ4F_isError(size) == 0 else { throw Refusal() }
    }
    return Array(out[0..<size])
  }

  /// What may stand behind a member without a meaning.
  package var padding: [UInt8] {
    switch self {
    case .gzip: [UInt8](repeating: 0, count: 700)
    case .xz: [UInt8](repeating: 0, count: 8)
    // A frame to be skipped.
    case .zstd, .lz4: [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]
    }
  }
}

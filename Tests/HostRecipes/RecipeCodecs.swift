import CLz4
import CLzo2
import CSnappy
import CZlib
import CZstd
import HostModel

/// How a page is stored in a kdump file. The raw value is the flag of a page descriptor.
package enum RecipeCodec: UInt32, Sendable, CaseIterable {
  case raw = 0
  case zlib = 1
  case lzo = 2
  case snappy = 4
  case zstd = 0x20
  /// All five in turn, chosen by frame number.
  case mixed = 0xffff_ffff

  package static let pure: [RecipeCodec] = [.raw, .zlib, .lzo, .snappy, .zstd]

  /// The codec that `mixed` takes for a frame.
  package func codec(frame: UInt64) -> RecipeCodec {
    self == .mixed ? RecipeCodec.pure[Int(SplitMix64.mix(frame) % 5)] : self
  }
}

/// The C codecs: the one place of the recipes with unsafe code.
package enum RecipeBytes {
  /// The page compressed, or `nil` when that is not smaller than the page.
  package static func compress(_ page: [UInt8], _ codec: RecipeCodec) -> [UInt8]? {
    var out = [UInt8](repeating: 0, count: page.count * 2 + 1024)
    var size = 0
    switch codec {
    case .raw, .mixed: return nil
    case .zlib:
      var length = uLongf(out.count)
      // Safe: both arrays outlive the call, and zlib keeps to the lengths given.
      guard unsafe compress2(&out, &length, page, uLong(page.count), 1) == Z_OK else { return nil }
      size = Int(length)
    case .lzo:
      var work = [UInt8](repeating: 0, count: Int(vmcs_lzo_work_size()))
      var length = lzo_uint(out.count)
      // Safe: the output holds more than LZO's worst case of n + n/16 + 67 bytes, the work area has the size it asks
      // for.
      guard unsafe lzo1x_1_compress(page, lzo_uint(page.count), &out, &length, &work) == LZO_E_OK else { return nil }
      size = Int(length)
    case .snappy:
      size = out.count
      // Safe: the output holds more than snappy's worst case of 32 + n + n/6 bytes; chars and bytes have one size.
      let done = unsafe page.withUnsafeBytes { input in
        unsafe out.withUnsafeMutableBytes { output in
          unsafe snappy_compress(
            input.baseAddress?.assumingMemoryBound(to: CChar.self), input.count,
            output.baseAddress?.assumingMemoryBound(to: CChar.self), &size)
        }
      }
      guard done == SNAPPY_OK else { return nil }
    case .zstd:
      // Safe: both arrays outlive the call, and zstd keeps to the lengths given.
      size = unsafe ZSTD_compress(&out, out.count, page, page.count, 1)
      guard ZSTD_isError(size) == 0 else { return nil }
    }
    return size < page.count ? [UInt8](out[0..<size]) : nil
  }

  /// The page as a kernel's zswap compresses it, or `nil` when that is not smaller than the page, or by no codec.
  /// - Parameter codec: as the kernel calls it.
  package static func compress(_ page: [UInt8], asKernel codec: String) -> [UInt8]? {
    var out = [UInt8](repeating: 0, count: page.count * 2 + 1024)
    var size = 0
    switch codec {
    case "lzo": return compress(page, .lzo)
    case "zstd": return compress(page, .zstd)
    case "lzo-rle": return RecipeLZORLE.compress(page)
    case "lz4":
      let room = Int32(out.count)
      // Safe: both arrays outlive the call, and lz4 keeps to the lengths given; chars and bytes have one size.
      size = unsafe page.withUnsafeBytes { input in
        unsafe out.withUnsafeMutableBytes { output in
          unsafe Int(
            LZ4_compress_default(
              input.baseAddress?.assumingMemoryBound(to: CChar.self),
              output.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(input.count), room))
        }
      }
    case "deflate":
      size = bareDeflate(page, into: &out)
    default: return nil
    }
    return size > 0 && size < page.count ? [UInt8](out[0..<size]) : nil
  }

  /// A deflate stream without head and checksum, with the kernel's window of 2 KiB.
  private static func bareDeflate(_ page: [UInt8], into out: inout [UInt8]) -> Int {
    var input = page
    let (count, room) = (input.count, out.count)
    // Safe: both arrays outlive the calls, and zlib keeps to the lengths given.
    return unsafe input.withUnsafeMutableBytes { input in
      unsafe out.withUnsafeMutableBytes { output in
        var stream = unsafe z_stream()
        let size = unsafe Int32(MemoryLayout<z_stream>.size)
        guard unsafe deflateInit2_(&stream, 6, Z_DEFLATED, -11, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK
        else {
          return 0
        }
        unsafe stream.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.avail_in = UInt32(count)
        unsafe stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.avail_out = UInt32(room)
        let isWhole = unsafe deflate(&stream, Z_FINISH) == Z_STREAM_END
        let written = unsafe Int(stream.total_out)
        unsafe deflateEnd(&stream)
        return isWhole ? written : 0
      }
    }
  }

  /// `nil` when the stream does not decode to exactly `count` bytes.
  package static func expand(_ stream: [UInt8], _ codec: RecipeCodec, count: Int = 4096) -> [UInt8]? {
    var out = [UInt8](repeating: 0, count: count)
    var size = count
    switch codec {
    case .raw: return stream.count == count ? stream : nil
    case .mixed: return nil
    case .zlib:
      var length = uLongf(count)
      // Safe: as for compress2.
      guard unsafe uncompress(&out, &length, stream, uLong(stream.count)) == Z_OK else { return nil }
      size = Int(length)
    case .lzo:
      var length = lzo_uint(count)
      // Safe: the _safe decoder checks both ends.
      guard unsafe lzo1x_decompress_safe(stream, lzo_uint(stream.count), &out, &length, nil) == LZO_E_OK else {
        return nil
      }
      size = Int(length)
    case .snappy:
      // Safe: snappy refuses to write more than `size` bytes.
      let done = unsafe stream.withUnsafeBytes { input in
        unsafe out.withUnsafeMutableBytes { output in
          unsafe snappy_uncompress(
            input.baseAddress?.assumingMemoryBound(to: CChar.self), input.count,
            output.baseAddress?.assumingMemoryBound(to: CChar.self), &size)
        }
      }
      guard done == SNAPPY_OK else { return nil }
    case .zstd:
      // Safe: as for ZSTD_compress.
      size = unsafe ZSTD_decompress(&out, count, stream, stream.count)
    }
    return size == count ? out : nil
  }
}

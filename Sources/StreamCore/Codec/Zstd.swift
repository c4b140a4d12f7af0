import CZstd

/// One zstd context for decoding, used again for every page.
@safe final class ZstdDecoder {
  private let context: OpaquePointer

  /// `nil` when there is no memory for it.
  init?() {
    guard let context = unsafe ZSTD_createDCtx() else { return nil }
    unsafe self.context = context
  }

  // Safe: created once and owned by this object alone.
  deinit { unsafe ZSTD_freeDCtx(context) }

  /// `page` has 4096 bytes. Several frames that make one page together are accepted, as by the library.
  func decode(_ stored: UnsafeRawBufferPointer, into page: UnsafeMutableRawBufferPointer) -> DecodeFault? {
    // Safe: the library keeps to both lengths.
    let result = unsafe ZSTD_decompressDCtx(
      context, page.baseAddress, page.count, stored.baseAddress, stored.count)
    guard ZSTD_isError(result) != 0 else { return result == pageSize ? nil : .short(result) }
    switch 0 &- result {
    case Self.destinationTooSmall: return .long
    case Self.memoryAllocation: return .unavailable
    default: break
    }
    // Safe: the library returns a constant C string.
    return unsafe .corrupt(String(cString: ZSTD_getErrorName(result)))
  }

  /// ZSTD_error_dstSize_tooSmall, negated in a result. Source: zstd_errors.h, "values below 100 are stable".
  private static let destinationTooSmall = 70
  /// ZSTD_error_memory_allocation, likewise.
  private static let memoryAllocation = 64
}

/// One zstd context for encoding at level 1, used again for every page.
@safe final class ZstdEncoder {
  static let worstSize = ZSTD_compressBound(pageSize)

  private let context: OpaquePointer

  /// `nil` when there is no memory for it.
  init?() {
    guard let context = unsafe ZSTD_createCCtx() else { return nil }
    unsafe self.context = context
  }

  // Safe: created once and owned by this object alone.
  deinit { unsafe ZSTD_freeCCtx(context) }

  /// Bytes written, `nil` when they do not fit.
  func encode(_ page: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int? {
    // Safe: the library keeps to both lengths.
    let result = unsafe ZSTD_compressCCtx(
      context, output.baseAddress, output.count, page.baseAddress, page.count, 1)
    return ZSTD_isError(result) == 0 ? result : nil
  }
}

/// The head of a zstd frame whose first block is not compressed. A compressed block has to be decoded whole.
/// Source: RFC 8878 §3.1.1.
enum ZstdHead {
  /// `nil`: the library must decode the page, or there are too few bytes.
  static func decode(_ stored: RawSpan) -> PageHead? {
    guard let block = firstBlock(stored), block.size >= HeadBytes.size else { return nil }
    switch block.type {
    case 0: return stored.head(block.start)
    case 1:
      guard let byte: UInt8 = stored.load(block.start) else { return nil }
      let word = UInt64(byte) &* 0x0101_0101_0101_0101
      return PageHead(low: word, high: word)
    default: return nil
    }
  }

  /// The first byte of the page, if it decodes; `nil`: the library must say.
  static func firstByte(_ stored: RawSpan, _ decoder: ZstdFirstByte) -> UInt8? {
    guard let block = firstBlock(stored), block.size > 0 else { return nil }
    switch block.type {
    case 0, 1: return stored.load(block.start)
    case 2:
      guard block.size <= stored.byteCount - block.start else { return nil }
      return decoder.decode(stored.extracting(block.start..<block.start + block.size))
    default: return nil
    }
  }

  /// Where the contents of the first block begin, its type (0 raw, 1 one byte repeated, 2 compressed) and its size.
  private static func firstBlock(_ stored: RawSpan) -> (start: Int, type: UInt32, size: Int)? {
    guard let magic: UInt32 = stored.load(0), magic == 0xfd2f_b528,
      let descriptor: UInt8 = stored.load(4), descriptor & dictionaryFlag == 0
    else { return nil }
    let isSingleSegment = descriptor & singleSegmentFlag != 0
    // Behind the descriptor: the window's size (1 byte) unless there is a single segment, then the content's size.
    let window = isSingleSegment ? 0 : 1
    let contentSize =
      switch descriptor >> 6 {
      case 0: 1 - window
      case 1: 2
      case 2: 4
      default: 8
      }
    let block = 5 + window + contentSize
    guard let low: UInt16 = stored.load(block), let high: UInt8 = stored.load(block + 2) else { return nil }
    // Bit 0: last block; bits 1 and 2: type; the rest: size.
    let header = UInt32(high) << 16 | UInt32(low)
    return (block + 3, header >> 1 & 3, Int(header >> 3))
  }

  private static let dictionaryFlag: UInt8 = 0x03
  private static let singleSegmentFlag: UInt8 = 0x20
}

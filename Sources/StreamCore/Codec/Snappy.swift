import CSnappy

/// libsnappy, raw format.
enum Snappy {
  static let worstSize = snappy_max_compressed_length(pageSize)

  /// `page` has 4096 bytes.
  static func decode(_ stored: UnsafeRawBufferPointer, into page: UnsafeMutableRawBufferPointer) -> DecodeFault? {
    // In and out: the buffer's size, never the length that the stream announces.
    var length = page.count
    // Safe: the library keeps to both lengths; chars and bytes have one size.
    let status = unsafe snappy_uncompress(
      stored.baseAddress?.assumingMemoryBound(to: CChar.self), stored.count,
      page.baseAddress?.assumingMemoryBound(to: CChar.self), &length)
    switch status {
    case SNAPPY_OK: return length == pageSize ? nil : .short(length)
    case SNAPPY_BUFFER_TOO_SMALL: return .long
    default: return .corrupt("INVALID_INPUT")
    }
  }

  /// Bytes written, `nil` when the library fails. `output` has room for `worstSize`.
  static func encode(_ page: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int? {
    var length = output.count
    // Safe: the library refuses an output that is smaller than its worst case.
    let status = unsafe snappy_compress(
      page.baseAddress?.assumingMemoryBound(to: CChar.self), page.count,
      output.baseAddress?.assumingMemoryBound(to: CChar.self), &length)
    return status == SNAPPY_OK ? length : nil
  }
}

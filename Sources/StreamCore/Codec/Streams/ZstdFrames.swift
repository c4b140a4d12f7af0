import CZstd

/// zstd's frames, some or one, decoded at once.
enum ZstdFrames {
  /// ZSTD_error_memory_allocation, negated in a result. Source: zstd_errors.h, "values below 100 are stable".
  private static let memoryAllocation = 64

  /// - Parameter size: bytes that they come to.
  static func decode(_ stored: RawSpan, size: Int) throws(StreamFault) -> [UInt8] {
    var fault: StreamFault?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { room, count in
      let result = unsafe stored.withUnsafeBytes { input in
        // Safe: the library keeps to both lengths, and the room holds `size` bytes.
        unsafe ZSTD_decompress(room.baseAddress, size, input.baseAddress, input.count)
      }
      if result == size {
        count = size
      } else if ZSTD_isError(result) == 0 {
        fault = .corrupt("\(result) bytes in place of \(size)")
      } else if 0 &- result == memoryAllocation {
        fault = .unavailable
      } else {
        // Safe: the library returns a constant C string.
        fault = .corrupt(unsafe String(cString: ZSTD_getErrorName(result)))
      }
    }
    if let fault { throw fault }
    return bytes
  }
}

import CLz4

/// liblz4: a block without a frame.
enum LZ4Block {
  /// `page` has 4096 bytes.
  static func decode(_ stored: RawSpan, into page: inout [UInt8]) -> DecodeFault? {
    guard let size = Int32(exactly: stored.byteCount), let room = Int32(exactly: page.count) else {
      return .wrongStoredSize(stored.byteCount)
    }
    // Safe: the _safe decoder keeps to both lengths, and bytes have one layout whatever their name.
    let count = unsafe stored.withUnsafeBytes { input in
      unsafe page.withUnsafeMutableBytes { output in
        unsafe LZ4_decompress_safe(
          input.baseAddress?.assumingMemoryBound(to: CChar.self),
          output.baseAddress?.assumingMemoryBound(to: CChar.self), size, room)
      }
    }
    if count == room { return nil }
    return count < 0 ? .corrupt("block") : .short(Int(count))
  }
}

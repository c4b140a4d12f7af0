import Glibc

extension RawSpan {
  /// The little-endian integer at `offset`, or `nil` when it does not lie wholly inside.
  func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self) -> T? {
    guard offset >= 0, byteCount >= MemoryLayout<T>.size, offset <= byteCount - MemoryLayout<T>.size
    else { return nil }
    // Safe: in bounds by the guard, and every bit pattern is an integer.
    return T(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// The two little-endian quadwords at `offset`, or `nil` when they do not lie wholly inside.
  @inline(__always)
  func loadPair(_ offset: Int) -> (UInt64, UInt64)? {
    guard offset >= 0, byteCount >= 16, offset <= byteCount - 16 else { return nil }
    // Safe: in bounds by the guard, and every bit pattern is an integer.
    let first = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
    let second = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset &+ 8, as: UInt64.self)
    return (UInt64(littleEndian: first), UInt64(littleEndian: second))
  }

  /// Calls `body` with each range of bytes before a NUL, from `range`'s start on; what has no NUL behind it is left
  /// out.
  func forEachTerminated(in range: Range<Int>, _ body: (Range<Int>) -> Void) {
    let range = range.clamped(to: 0..<byteCount)
    unsafe withUnsafeBytes { bytes in
      var start = range.lowerBound
      while start < range.upperBound {
        // Safe: the range lies inside, and what memchr finds lies in it.
        guard let base = bytes.baseAddress, let nul = unsafe memchr(base + start, 0, range.upperBound - start) else {
          return
        }
        let end = unsafe base.distance(to: UnsafeRawPointer(nul))
        body(start..<end)
        start = end + 1
      }
    }
  }

  /// A copy of `count` bytes from `offset`, or `nil` when they do not lie wholly inside.
  func bytes(_ offset: Int, count: Int) -> [UInt8]? {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else { return nil }
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { room, initialized in
      // Safe: both sides hold `count` bytes by the guard.
      unsafe withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(room).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + count]))
      }
      initialized = count
    }
  }
}

extension Array where Element == UInt8 {
  /// Lends the bytes as a `RawSpan`.
  func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    // Safe: UInt8 has no padding, and the array lives across the call.
    try body(unsafe self.span.bytes)
  }

  /// The little-endian integer at `offset`, or `nil` when it does not lie wholly inside.
  func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self) -> T? {
    withBytes { $0.load(offset, as: T.self) }
  }

  /// Writes one integer, little-endian. `offset` must leave room for it: callers write into buffers of their own.
  mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
    unsafe withUnsafeMutableBytes { room in
      unsafe room.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
  }

  /// Appends one integer, little-endian.
  mutating func append<T: FixedWidthInteger & BitwiseCopyable>(littleEndian value: T) {
    var rest = value
    for _ in 0..<MemoryLayout<T>.size {
      append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// Appends all bytes of a span.
  mutating func append(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { source in
      // Safe: the span lives across the call, and appending copies it.
      unsafe append(contentsOf: source)
    }
  }
}

extension [UInt8] {
  /// Bytes of any value, to be written over: memory that is not written to is not touched.
  init(unwritten count: Int) {
    // Safe: any byte is a byte; callers write before they read.
    unsafe self.init(unsafeUninitializedCapacity: count) { _, initialized in initialized = count }
  }
}

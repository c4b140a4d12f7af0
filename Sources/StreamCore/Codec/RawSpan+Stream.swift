/// Reading a compressed stream forwards. `at` is the position, 0 to the stream's size; a read moves past what it
/// returns and says `nil`, without moving, where the stream ends before.
extension RawSpan {
  /// The next byte.
  @inline(__always)
  func next(_ at: inout Int) -> Int? {
    guard at < byteCount else { return nil }
    // Safe: in bounds by the guard; here and below every bit pattern is an integer.
    let value = unsafe unsafeLoad(fromUncheckedByteOffset: at, as: UInt8.self)
    at &+= 1
    return Int(value)
  }

  /// The next two bytes, low first.
  @inline(__always)
  func next16(_ at: inout Int) -> Int? {
    guard byteCount &- at >= 2 else { return nil }
    // Safe: in bounds by the guard.
    let value = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt16.self)
    at &+= 2
    return Int(UInt16(littleEndian: value))
  }

  /// The `count` bytes (1 to 16) at `at` as one number, byte 0 lowest. The bytes above them are undefined.
  @inline(__always)
  func word(_ at: Int, count: Int) -> UInt128? {
    guard byteCount &- at >= 16 else { return wordAtEnd(at, count: count) }
    // Safe: 16 bytes are there by the guard.
    let low = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self)
    let high = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at &+ 8, as: UInt64.self)
    return UInt128(UInt64(littleEndian: high)) &<< 64 | UInt128(UInt64(littleEndian: low))
  }

  private func wordAtEnd(_ at: Int, count: Int) -> UInt128? {
    guard byteCount &- at >= count else { return nil }
    var value: UInt128 = 0
    for index in (0..<count).reversed() {
      // Safe: `index` is below `count`, and `count` bytes are there by the guard.
      value = value &<< 8 | UInt128(unsafe unsafeLoad(fromUncheckedByteOffset: at &+ index, as: UInt8.self))
    }
    return value
  }

  /// The 16 bytes at `at`.
  @inline(__always)
  func head(_ at: Int) -> PageHead? {
    guard byteCount &- at >= 16 else { return nil }
    // Safe: 16 bytes are there by the guard.
    let low = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self)
    let high = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at &+ 8, as: UInt64.self)
    return PageHead(low: UInt64(littleEndian: low), high: UInt64(littleEndian: high))
  }
}

/// Bits from the lowest of each byte on, as deflate packs them. Past the end they are zeros. It must not outlive the
/// bytes it was made of.
@safe struct BitsForward {
  private let start: UnsafeRawPointer?
  private let size: Int
  private var buffer: UInt64 = 0
  /// Bits in `buffer`; fewer than none when more were taken than there are.
  private var count = 0
  private var at: Int

  /// Begins at the byte `first`, with at least 56 bits at hand.
  @inline(__always)
  init(_ bytes: UnsafeRawBufferPointer, from first: Int) {
    unsafe start = bytes.baseAddress
    size = bytes.count
    at = first
    refill()
  }

  /// Whether no bit was taken from behind the end.
  var isInside: Bool { count >= 0 }
  func has(_ width: Int) -> Bool { count >= width }

  /// Makes sure of 56 bits.
  @inline(__always)
  mutating func refill() {
    if count >= 32 { return }
    guard size &- at >= 8, count >= 0, let start = unsafe start else { return refillAtEnd() }
    // Safe: eight bytes are there by the guard.
    let word = unsafe UInt64(littleEndian: start.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    buffer |= word &<< UInt64(truncatingIfNeeded: count)
    let bytes = (63 &- count) &>> 3
    at &+= bytes
    count &+= bytes &* 8
  }

  @inline(never)
  private mutating func refillAtEnd() {
    guard count >= 0, let start = unsafe start else { return }
    while count <= 56, at < size {
      // Safe: in bounds by the condition.
      buffer |= unsafe UInt64(start.load(fromByteOffset: at, as: UInt8.self)) &<< UInt64(count)
      at &+= 1
      count &+= 8
    }
  }

  /// The next `width` bits, at most 32, without moving.
  @inline(__always)
  func peek(_ width: Int) -> Int { Int(truncatingIfNeeded: buffer & (1 &<< UInt64(truncatingIfNeeded: width) &- 1)) }

  @inline(__always)
  mutating func drop(_ width: Int) {
    buffer &>>= UInt64(truncatingIfNeeded: width)
    count &-= width
  }

  @inline(__always)
  mutating func take(_ width: Int) -> Int {
    let value = peek(width)
    drop(width)
    return value
  }
}

/// Bits of a stream that is read from its end: the highest set bit of the last byte ends it. Before the beginning there
/// are zeros. It must not outlive the bytes it was made of.
@safe struct BitsBackward {
  private let bytes: UnsafeRawBufferPointer
  /// Bits left; negative when more were taken than there are.
  private var left: Int

  var isOverrun: Bool { left < 0 }

  /// `nil` when there is no end mark.
  @inline(__always)
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard let last = unsafe bytes.last, last != 0 else { return nil }
    unsafe self.bytes = bytes
    left = bytes.count &* 8 &- 1 &- last.leadingZeroBitCount
  }

  /// The next `width` bits (0 to 16) as a number.
  @inline(__always)
  mutating func take(_ width: Int) -> Int {
    left &-= width
    let mask = 1 &<< width &- 1
    let at = left &>> 3
    if left >= 0, unsafe bytes.count &- at >= 4 {
      // Safe: four bytes are there by the condition.
      let word = unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
      return Int(word &>> UInt32(truncatingIfNeeded: left & 7)) & mask
    }
    return bytewise(width) & mask
  }

  /// As `take` near the ends; the bits above `width` are undefined.
  @inline(never)
  private func bytewise(_ width: Int) -> Int {
    // Some of the bits, or all, lie before the beginning.
    guard left &+ width > 0 else { return 0 }
    let from = max(0, left)
    var value = 0
    for index in 0..<4 where unsafe from &>> 3 &+ index < bytes.count {
      value |= unsafe Int(bytes[from &>> 3 &+ index]) &<< (index &* 8)
    }
    return (value &>> (from & 7)) &<< (from &- left)
  }
}

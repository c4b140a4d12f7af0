/// The first 16 bytes of a page as two little-endian words: enough to tell whether a page is worth decoding.
struct PageHead: Sendable, Equatable {
  /// Bytes 0 to 7.
  var low: UInt64
  /// Bytes 8 to 15.
  var high: UInt64

  init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// The head of a page that is not compressed; `nil` when there are fewer than 16 bytes.
  init?(page: RawSpan) {
    guard let low: UInt64 = page.load(0), let high: UInt64 = page.load(8) else { return nil }
    self.init(low: low, high: high)
  }
}

/// What the stored bytes of a page tell of its head.
enum HeadResult: Sendable, Equatable {
  /// The head. If the whole page decodes, it begins with these 16 bytes; it may still be damaged further on.
  case head(PageHead)
  /// The bytes given are good so far, but too few: ask again with more. Never the answer to a page's whole stored
  /// bytes.
  case needsMore
  /// The page cannot be decoded.
  case bad
}

/// The decoded bytes of a head while it grows, as one number: byte 0 lowest. Every count is clipped to the room left,
/// so it can only be filled, never overrun.
struct HeadBytes {
  static let size = 16

  private(set) var bytes: UInt128 = 0
  /// Bytes decoded, 0 to 16.
  private(set) var count = 0

  var isFull: Bool { count == Self.size }
  var room: Int { Self.size &- count }

  var head: PageHead {
    PageHead(low: UInt64(truncatingIfNeeded: bytes), high: UInt64(truncatingIfNeeded: bytes &>> 64))
  }

  /// Copies `length` bytes of the stream from `at` on, or what there is room for, and moves past them. False when the
  /// stream ends before; then nothing is copied.
  @inline(__always)
  mutating func literals(_ stream: RawSpan, _ at: inout Int, length: Int) -> Bool {
    let take = min(length, room)
    guard take > 0 else { return true }
    guard let value = stream.word(at, count: take) else { return false }
    append(value, count: take)
    at &+= take
    return true
  }

  /// Repeats `length` bytes (at least 1) from `distance` bytes back, or what there is room for; an overlap repeats its
  /// bytes. False when that lies before the first byte.
  @inline(__always)
  mutating func match(distance: Int, length: Int) -> Bool {
    guard distance >= 1, distance <= count else { return false }
    let take = min(length, room)
    guard take > 0 else { return true }
    var pattern = Self.lowest(distance, of: bytes &>> Self.bits(count &- distance))
    var known = distance
    while known < take {
      pattern |= pattern &<< Self.bits(known)
      known &*= 2
    }
    append(pattern, count: take)
    return true
  }

  /// `count` is 1 to `room`.
  @inline(__always)
  private mutating func append(_ value: UInt128, count: Int) {
    bytes |= Self.lowest(count, of: value) &<< Self.bits(self.count)
    self.count &+= count
  }

  /// The lowest `count` bytes, 1 to 16, of `value`.
  @inline(__always)
  private static func lowest(_ count: Int, of value: UInt128) -> UInt128 {
    value & (UInt128.max &>> bits(size &- count))
  }

  @inline(__always)
  private static func bits(_ bytes: Int) -> UInt128 { UInt128(truncatingIfNeeded: bytes &* 8) }
}

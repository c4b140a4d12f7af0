/// The head of an LZO1X stream, without the rest. The library cannot do this: with a short output it stops before the
/// item that does not fit. Source: Documentation/codecs.md §2.1, which describes Linux Documentation/staging/lzo.rst.
enum LZOHead {
  /// `stream` holds the stored bytes, or the first of them.
  static func decode(_ stream: RawSpan) -> HeadResult {
    var at = 0
    guard let first = stream.next(&at) else { return .needsMore }
    // Most pages: the stream begins with a run of literals that covers the head.
    if first >= 17 + HeadBytes.size, let head = stream.head(1) { return .head(head) }

    var out = HeadBytes()
    // What the instruction before left: 1 to 3 literals copied, or a long run of them.
    var state = 0
    if first > 17 {
      guard out.literals(stream, &at, length: first &- 17) else { return .needsMore }
      state = min(first &- 17, longRun)
    } else {
      at = 0
    }

    while !out.isFull {
      guard let instruction = stream.next(&at) else { return .needsMore }
      if instruction < 16 && state == 0 {
        guard let length = stream.lzoLength(&at, instruction, limit: 15) else { return .needsMore }
        guard length <= pageSize else { return .bad }
        guard out.literals(stream, &at, length: length &+ 3) else { return .needsMore }
        state = longRun
        continue
      }

      let length: Int
      let distance: Int
      if instruction >= 64 {
        guard let high = stream.next(&at) else { return .needsMore }
        length = instruction &>> 5 &+ 1
        distance = high &<< 3 &+ (instruction &>> 2 & 7) &+ 1
        state = instruction & 3
      } else if instruction >= 32 {
        guard let more = stream.lzoLength(&at, instruction & 31, limit: 31) else { return .needsMore }
        guard more <= pageSize else { return .bad }
        guard let word = stream.next16(&at) else { return .needsMore }
        length = more &+ 2
        distance = word &>> 2 &+ 1
        state = word & 3
      } else if instruction < 16 && state != longRun {
        guard let high = stream.next(&at) else { return .needsMore }
        length = 2
        distance = high &<< 2 &+ instruction &>> 2 &+ 1
        state = instruction & 3
      } else {
        // Either the end of the stream, or a match from 2049 bytes back and more: no page does that before its 16th
        // byte.
        return .bad
      }
      guard out.match(distance: distance, length: length) else { return .bad }
      guard out.literals(stream, &at, length: state) else { return .needsMore }
    }
    return .head(out.head)
  }

  /// The first literal, where the stream begins with a run whose length is in its first byte: 1 to 15, or 18 and more.
  @inline(__always)
  static func firstByte(_ stream: RawSpan) -> UInt8? {
    guard let start: UInt16 = stream.load(0), start & 0xff != 0, start & 0xfe != 16 else { return nil }
    return UInt8(start >> 8)
  }

  private static let longRun = 4
}

extension RawSpan {
  /// The length in an instruction's `field`; a field of 0 goes on in the bytes that follow: 255 for each 0, then the
  /// first other byte, then `limit`. Above 4096 it may be less than the true one.
  @inline(__always)
  fileprivate func lzoLength(_ at: inout Int, _ field: Int, limit: Int) -> Int? {
    if field != 0 { return field }
    var length = limit
    while length <= pageSize {
      guard let byte = next(&at) else { return nil }
      if byte != 0 { return length &+ byte }
      length &+= 255
    }
    return length
  }
}

/// The head of a raw snappy stream, without the rest. Source: Documentation/codecs.md §2.2, which describes snappy's
/// format_description.txt.
enum SnappyHead {
  /// `stream` holds the stored bytes, or the first of them.
  static func decode(_ stream: RawSpan) -> HeadResult {
    var at = 0
    guard let announced = stream.snappyVarint(&at) else { return stream.byteCount < 5 ? .needsMore : .bad }
    guard announced == pageSize else { return .bad }

    var out = HeadBytes()
    while !out.isFull {
      guard let tag = stream.next(&at) else { return .needsMore }
      if tag & 3 == 0 {
        guard let length = stream.snappyLength(&at, tag &>> 2) else { return .needsMore }
        // A literal run that covers the head is most pages' first item.
        if length >= HeadBytes.size, out.count == 0, let head = stream.head(at) { return .head(head) }
        guard out.literals(stream, &at, length: length) else { return .needsMore }
        continue
      }

      let length: Int
      let distance: Int
      if tag & 3 == 1 {
        guard let low = stream.next(&at) else { return .needsMore }
        length = (tag &>> 2 & 7) &+ 4
        distance = (tag &>> 5) &<< 8 | low
      } else {
        guard let low = stream.next16(&at) else { return .needsMore }
        var high = 0
        if tag & 3 == 3 {
          guard let word = stream.next16(&at) else { return .needsMore }
          high = word
        }
        length = tag &>> 2 &+ 1
        distance = high &<< 16 | low
      }
      guard out.match(distance: distance, length: length) else { return .bad }
    }
    return .head(out.head)
  }
}

extension SnappyHead {
  /// The first literal, where the stream says 4096 as short as can be, and then the length of a run in one byte.
  @inline(__always)
  static func firstByte(_ stream: RawSpan) -> UInt8? {
    guard let start: UInt32 = stream.load(0), start & 0xffff == 0x2080 else { return nil }
    let tag = start >> 16 & 0xff
    return tag & 3 == 0 && tag >> 2 < 60 ? UInt8(start >> 24) : nil
  }
}

extension RawSpan {
  /// The announced size: 7 bits a byte, low first. `nil` when the stream ends inside, or it has more than 5 bytes or 32
  /// bits. It need not be written in as few bytes as possible: the library reads `80 a0 00` as 4096 too.
  @inline(__always)
  fileprivate func snappyVarint(_ at: inout Int) -> Int? {
    var value = 0
    var shift = 0
    while shift < 35 {
      guard let byte = next(&at) else { return nil }
      value |= (byte & 0x7f) &<< shift
      if byte < 0x80 { return value <= UInt32.max ? value : nil }
      shift &+= 7
    }
    return nil
  }

  /// The length of a literal run whose tag says `field`. It is a 32-bit number in the library, so `ffffffff`, one
  /// less than the length, is an empty run there and here.
  @inline(__always)
  fileprivate func snappyLength(_ at: inout Int, _ field: Int) -> Int? {
    if field < 60 { return field &+ 1 }
    var length = 0
    for index in 0..<(field &- 59) {
      guard let byte = next(&at) else { return nil }
      length |= byte &<< (index &* 8)
    }
    return (length &+ 1) & 0xffff_ffff
  }
}

import Testing

@testable import StreamCore

/// The head decoders on streams written by hand, item by item.
@Suite struct HeadTests {
  let decoder = PageDecoder()

  /// Source: Documentation/codecs.md §2.1, the 44 bytes that lzo1x_1 makes of a zero page.
  static let lzoZeroPage: [UInt8] =
    [2, 0, 0, 0, 0, 0, 0x20] + [UInt8](repeating: 0, count: 15) + [0xda, 0x10, 0, 0x0c]
    + [UInt8](repeating: 0, count: 15) + [0x11, 0, 0]

  @Test func theKnownZeroPageOfLZO() throws {
    #expect(Self.lzoZeroPage.count == 44)
    #expect(try decoder.page(Self.lzoZeroPage, .lzo).get() == CodecSamples.zero)
    #expect(decoder.head(Self.lzoZeroPage, .lzo) == .head(PageHead(low: 0, high: 0)))
  }

  static let letters = Array("abcdefghijklmnopqrstuvwxyz".utf8)

  /// Streams that end with the head, and the 16 bytes. Source of the instructions: Documentation/codecs.md §2.1.
  static let lzo: [([UInt8], String)] = [
    // First byte 33: 16 literals, the least that covers the head.
    ([33] + letters[0..<16], "abcdefghijklmnop"),
    // First byte 32: 15 literals; 64…127: distance 1, length 3.
    ([32] + letters[0..<15] + [0x40, 0], "abcdefghijklmnoo"),
    // First byte 0…15: a run of 3 + 13.
    ([13] + letters[0..<16], "abcdefghijklmnop"),
    // The length goes on in the next byte: 3 + 15 + 1.
    ([0, 1] + letters[0..<19], "abcdefghijklmnop"),
    // One literal; 32…63: distance 1, length 2 + 31 + 1.
    ([18, 97, 0x20, 1, 0, 0], "aaaaaaaaaaaaaaaa"),
    // Three literals; 64…127: distance 2, length 3, three literals; 128…255: distance 3, length 8.
    ([20, 97, 98, 99, 0b0100_0111, 0, 100, 101, 102, 0b1110_1000, 0], "abcbcbdefdefdefd"),
    // One literal; 0…15 after it: distance 1, length 2; a run of 3 + 10.
    ([18, 97, 0, 0, 10] + letters[1..<14], "aaabcdefghijklmn"),
  ]

  @Test(arguments: lzo) func lzoItemByItem(_ stream: [UInt8], _ expected: String) throws {
    let head = try #require(CodecSamples.head(Array(expected.utf8)))
    #expect(decoder.head(stream, .lzo) == .head(head))
  }

  static let badLZO: [[UInt8]] = [
    // The end of the stream.
    [16, 0, 0],
    [17, 0, 0],
    [18, 97, 0x11, 0, 0],
    // Two bytes back after one.
    [18, 97, 0x22, 4, 0],
    // 2049 bytes back, after a run of 4.
    [21, 97, 98, 99, 100, 0, 0],
    // Lengths of more than a page: a run, a match.
    [0] + [UInt8](repeating: 0, count: 17) + [1],
    [18, 97, 0x20] + [UInt8](repeating: 0, count: 17) + [1, 0, 0],
  ]

  @Test(arguments: badLZO) func noPageBeginsWithThisInLZO(_ stream: [UInt8]) {
    // Bad whatever follows, not for want of bytes.
    #expect(decoder.head(stream, .lzo, storedSize: 4096) == .bad)
  }

  /// Streams that end with the head, and the 16 bytes. Source of the tags: Documentation/codecs.md §2.2.
  static let snappy: [([UInt8], String)] = [
    // A literal of 16, with the length in the tag and in 1 to 4 bytes behind it.
    ([15 << 2] + letters[0..<16], "abcdefghijklmnop"),
    ([60 << 2, 15] + letters[0..<16], "abcdefghijklmnop"),
    ([61 << 2, 15, 0] + letters[0..<16], "abcdefghijklmnop"),
    ([62 << 2, 15, 0, 0] + letters[0..<16], "abcdefghijklmnop"),
    ([63 << 2, 15, 0, 0, 0] + letters[0..<16], "abcdefghijklmnop"),
    // Copies: length 4 from 2 back, length 2 from 3 back, length 60 from 1 back.
    ([1 << 2, 97, 98, 0 << 2 | 1, 2, 1 << 2 | 2, 3, 0, 59 << 2 | 3, 1, 0, 0, 0], "abababbaaaaaaaaa"),
    // A length of 2^32: an empty literal to the library.
    ([63 << 2, 0xff, 0xff, 0xff, 0xff, 15 << 2] + letters[0..<16], "abcdefghijklmnop"),
  ]

  @Test(arguments: snappy) func snappyTagByTag(_ items: [UInt8], _ expected: String) throws {
    let head = try #require(CodecSamples.head(Array(expected.utf8)))
    #expect(decoder.head([0x80, 0x20] + items, .snappy) == .head(head))
    // Also 4096, in more bytes than needed.
    #expect(decoder.head([0x80, 0xa0, 0x80, 0x00] + items, .snappy) == .head(head))
  }

  static let badSnappy: [[UInt8]] = [
    // 4095, 4097, 2^35 and a size without end.
    [0xff, 0x1f, 15 << 2], [0x81, 0x20, 15 << 2],
    [0x80, 0xa0, 0x80, 0x80, 0x10], [0x80, 0xa0, 0x80, 0x80, 0x80, 0],
    // A copy before there is anything; from 0 back; from 2 back after 1; from 65,537 back after 1.
    [0x80, 0x20, 1, 1], [0x80, 0x20, 0, 97, 1, 0], [0x80, 0x20, 0, 97, 2, 2, 0],
    [0x80, 0x20, 0, 97, 3, 1, 0, 1, 0],
  ]

  @Test(arguments: badSnappy) func noPageBeginsWithThisInSnappy(_ stream: [UInt8]) {
    #expect(decoder.head(stream, .snappy, storedSize: 4096) == .bad)
  }

  /// Frames whose first block is not compressed are read without the library. The header says: single segment, 4096
  /// bytes.
  @Test func zstdFramesThatBeginWithAPlainBlock() throws {
    let header: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x00, 0x0f]
    let repeated = header + block(type: 1, size: 4096, last: true) + [0x5a]
    let literal =
      header + block(type: 0, size: 26, last: false) + Self.letters + block(type: 1, size: 4070, last: true) + [1]
    for frame in [repeated, literal] {
      let page = try decoder.page(frame, .zstd).get()
      let head = try #require(CodecSamples.head(page))
      #expect(frame.withBytes { ZstdHead.decode($0) } == head)
      #expect(decoder.head(frame, .zstd) == .head(head))
    }
    // Fewer bytes than a head: the library has to put the page together.
    let split = header + block(type: 1, size: 5, last: false) + [7] + block(type: 1, size: 4091, last: true) + [8]
    #expect(split.withBytes { ZstdHead.decode($0) } == nil)
    #expect(decoder.head(split, .zstd) == .head(PageHead(low: 0x0808_0807_0707_0707, high: 0x0808_0808_0808_0808)))
  }

  private func block(type: UInt32, size: UInt32, last: Bool) -> [UInt8] {
    let header = size << 3 | type << 1 | (last ? 1 : 0)
    return (0..<3).map { UInt8(truncatingIfNeeded: header >> ($0 * 8)) }
  }

  @Test(arguments: PageCodec.allCases) func aPartOfTheStoredBytesGivesTheSameHeadOrAsksForMore(
    _ encoding: PageCodec
  ) {
    for page in CodecSamples.pages(60, seed: 5) {
      let (stored, kind) = CodecSamples.stored(page, PageEncoder(encoding))
      guard kind == encoding else { continue }
      let whole = decoder.head(stored, encoding)
      var last = HeadResult.needsMore
      for size in 0...min(stored.count, 200) {
        let result = decoder.head(Array(stored[0..<size]), encoding, storedSize: stored.count)
        #expect(result == whole || (result == .needsMore && last == .needsMore && size < stored.count))
        last = result
      }
    }
  }

  /// 128 bytes are enough for what LZO's and snappy's own encoders write. Source: Documentation/codecs.md §2.
  @Test(arguments: [PageCodec.lzo, .snappy]) func theFirst128StoredBytesAreEnough(_ encoding: PageCodec) throws {
    for page in CodecSamples.pages(300, seed: 6) {
      let (stored, kind) = CodecSamples.stored(page, PageEncoder(encoding))
      guard kind == encoding else { continue }
      let head = try #require(CodecSamples.head(page))
      #expect(decoder.head(Array(stored.prefix(128)), encoding, storedSize: stored.count) == .head(head))
    }
  }
}

import Testing

@testable import StreamCore

/// Good streams that no encoder would write: every kind of item, at random, from the first byte on. The library
/// decodes the page, our decoder the head.
@Suite struct GrammarTests {
  @Test func theHeadOfAnyGoodLZOStreamIsTheLibrarys() throws {
    var random = CodecSamples.Random(seed: 10)
    let decoder = PageDecoder()
    for _ in 0..<20_000 {
      let stream = Self.lzo(&random)
      let page = try decoder.page(stream, .lzo).get()
      let head = try #require(CodecSamples.head(page))
      #expect(decoder.head(stream, .lzo) == .head(head))
    }
  }

  @Test func theHeadOfAnyGoodSnappyStreamIsTheLibrarys() throws {
    var random = CodecSamples.Random(seed: 11)
    let decoder = PageDecoder()
    for _ in 0..<20_000 {
      let stream = Self.snappy(&random)
      let page = try decoder.page(stream, .snappy).get()
      let head = try #require(CodecSamples.head(page))
      #expect(decoder.head(stream, .snappy) == .head(head))
    }
  }

  // MARK: - LZO1X, Documentation/codecs.md §2.1

  private static func lzo(_ random: inout CodecSamples.Random) -> [UInt8] {
    var stream: [UInt8] = []
    var count = 0
    var state = 0
    func literals(_ length: Int, _ random: inout CodecSamples.Random) {
      for _ in 0..<length { stream.append(random.byte()) }
      count += length
    }
    /// The field's bits, and what goes on behind it.
    func length(_ value: Int, limit: Int) -> (field: UInt8, more: [UInt8]) {
      if value >= 1 && value <= limit { return (UInt8(value), []) }
      let rest = value - limit - 1
      return (0, [UInt8](repeating: 0, count: rest / 255) + [UInt8(rest % 255 + 1)])
    }
    if random.below(3) > 0 {
      let run = random.below(4) == 0 ? random.below(238) + 1 : random.below(20) + 1
      stream.append(UInt8(17 + run))
      literals(run, &random)
      state = min(run, 4)
    }
    while count < 60 || (count < 3000 && random.below(40) > 0) {
      let tail = random.below(4)
      let kind = random.below(count == 0 ? 1 : 4)
      if kind == 0 && state == 0 {
        let run = random.below(8) == 0 ? random.below(600) + 4 : random.below(12) + 4
        let (field, more) = length(run - 3, limit: 15)
        stream += [field] + more
        literals(run, &random)
        state = 4
        continue
      }
      switch kind {
      case 0 where state < 4:
        let distance = random.below(min(count, 1024))
        stream += [UInt8(distance & 3) << 2 | UInt8(tail), UInt8(distance >> 2)]
        count += 2
      case 1:
        let size = random.below(6)
        let distance = random.below(min(count, 2048))
        stream += [UInt8(size + 2) << 5 | UInt8(distance & 7) << 2 | UInt8(tail), UInt8(distance >> 3)]
        count += size + 3
      default:
        let size = random.below(10) == 0 ? random.below(500) + 3 : random.below(10) + 3
        let word = random.below(count) << 2 | tail
        let (field, more) = length(size - 2, limit: 31)
        stream += [0x20 | field] + more + [UInt8(word & 0xff), UInt8(word >> 8)]
        count += size
      }
      literals(tail, &random)
      state = tail
    }
    let (field, more) = length(pageSize - count - 2, limit: 31)
    return stream + [0x20 | field] + more + [0, 0, 0x11, 0, 0]
  }

  // MARK: - Snappy, Documentation/codecs.md §2.2

  private static func snappy(_ random: inout CodecSamples.Random) -> [UInt8] {
    var stream: [UInt8] = random.below(4) == 0 ? [0x80, 0xa0, 0x80, 0x80, 0x00] : [0x80, 0x20]
    var count = 0
    while count < 60 || (count < 3000 && random.below(40) > 0) {
      let kind = random.below(count == 0 ? 1 : 4)
      let size = kind == 1 ? random.below(8) + 4 : random.below(random.below(4) == 0 ? 64 : 12) + 1
      let distance = random.below(min(count, kind == 1 ? 2047 : 4096) + (count == 0 ? 1 : 0)) + 1
      switch kind {
      case 0:
        // The length in the tag, or in 1 to 4 bytes behind it; now and then the empty literal.
        let width = size > 60 ? random.below(4) + 1 : random.below(5)
        if random.below(10) == 0 { stream += [63 << 2, 0xff, 0xff, 0xff, 0xff] }
        stream.append(width == 0 ? UInt8(size - 1) << 2 : UInt8(59 + width) << 2)
        for index in 0..<width { stream.append(index == 0 ? UInt8(size - 1) : 0) }
        for _ in 0..<size { stream.append(random.byte()) }
      case 1: stream += [UInt8(distance >> 8) << 5 | UInt8(size - 4) << 2 | 1, UInt8(distance & 0xff)]
      case 2: stream += [UInt8(size - 1) << 2 | 2, UInt8(distance & 0xff), UInt8(distance >> 8)]
      default: stream += [UInt8(size - 1) << 2 | 3, UInt8(distance & 0xff), UInt8(distance >> 8), 0, 0]
      }
      count += size
    }
    while count < pageSize {
      let size = min(64, pageSize - count)
      stream += [UInt8(size - 1) << 2 | 2, 1, 0]
      count += size
    }
    return stream
  }
}

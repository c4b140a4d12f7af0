@testable import StreamCore
import HostRecipes
import Testing

/// Stored bytes that do not give a page. Source of the answers: Documentation/codecs.md §1, "Corrupt input, by
/// library", and Documentation/kdump-compressed.md §8, rows 33 to 46.
@Suite struct DamageTests {
  static let codecs: [(PageCodec, RecipeCodec)] = [
    (.zlib, .zlib), (.lzo, .lzo), (.snappy, .snappy), (.zstd, .zstd),
  ]

  let decoder = PageDecoder()

  @Test func aCutStreamIsCorrupt() throws {
    let reasons: [PageCodec: String] = [
      .zlib: "ends early", .lzo: "INPUT_OVERRUN", .snappy: "INVALID_INPUT", .zstd: "Src size is incorrect",
    ]
    for (encoding, codec) in Self.codecs {
      let stream = try stored(text(pageSize), codec)
      let reason = try #require(reasons[encoding])
      #expect(decoder.fault(stream.dropLast(3), encoding) == .corrupt(reason))
    }
  }

  @Test func bytesAfterTheStreamAreAcceptedForZlibOnly() throws {
    let faults: [PageCodec: DecodeFault] = [
      .lzo: .trailing, .snappy: .corrupt("INVALID_INPUT"), .zstd: .corrupt("Src size is incorrect"),
    ]
    for (encoding, codec) in Self.codecs {
      let stream = try stored(text(pageSize), codec)
      #expect(decoder.fault(stream, encoding) == nil)
      #expect(decoder.fault(stream + [0], encoding) == faults[encoding])
    }
  }

  @Test(arguments: codecs) func aStreamOfMoreThanAPageIsRefused(_ encoding: PageCodec, _ codec: RecipeCodec) throws {
    for size in [pageSize + 1, 5000] {
      #expect(decoder.fault(try stored(text(size), codec), encoding) == .long)
    }
  }

  @Test(arguments: codecs) func aStreamOfLessThanAPageIsRefused(_ encoding: PageCodec, _ codec: RecipeCodec) throws {
    for size in [4000, pageSize - 1] {
      #expect(decoder.fault(try stored(text(size), codec), encoding) == .short(size))
    }
  }

  @Test func aWrongStoredSizeIsRefusedBeforeDecoding() {
    for size in [0, 1, 4095, 4097, 8192] {
      let bytes = [UInt8](repeating: 0, count: size)
      #expect(decoder.fault(bytes, .raw) == .wrongStoredSize(size))
      #expect(decoder.head(bytes, .raw) == .bad)
    }
    for (encoding, _) in Self.codecs {
      for size in [0, 4097, 8192] {
        let bytes = [UInt8](repeating: 0, count: size)
        #expect(decoder.fault(bytes, encoding) == .wrongStoredSize(size))
        #expect(decoder.head(bytes, encoding) == .bad)
        #expect(decoder.head(Array(bytes.prefix(100)), encoding, storedSize: size) == .bad)
      }
    }
  }

  @Test func aDamagedZlibStreamIsCorrupt() throws {
    var checksum = try stored(text(pageSize), .zlib)
    checksum[checksum.count - 1] ^= 1
    #expect(decoder.fault(checksum, .zlib) == .corrupt("data error"))
    // A header that asks for a preset dictionary. Source: RFC 1950 §2.2, FDICT.
    #expect(decoder.fault([0x78, 0x20, 0, 0, 0, 1, 3, 0], .zlib) == .corrupt("needs a dictionary"))
    #expect(decoder.head([0x78, 0x20, 0, 0, 0, 1, 3, 0], .zlib) == .bad)
  }

  @Test func anLZOStreamThatLooksBehindItsStartIsCorrupt() {
    // One literal, then a match from 2 bytes back.
    #expect(decoder.fault([18, 97, 0x22, 4, 0, 0x11, 0, 0], .lzo) == .corrupt("LOOKBEHIND_OVERRUN"))
  }

  @Test func aDecoderWorksOnAfterAFault() throws {
    let page = text(pageSize)
    for (encoding, codec) in Self.codecs {
      let stream = try stored(page, codec)
      #expect(decoder.fault(Array(stream.prefix(20)), encoding) != nil)
      #expect(decoder.head(Array(stream.prefix(1)), encoding) == .bad)
      #expect(try decoder.page(stream, encoding).get() == page)
    }
  }

  @Test func faultsReadAsReasons() {
    let faults: [DecodeFault] = [.wrongStoredSize(4095), .corrupt("INPUT_OVERRUN"), .short(4000), .long, .trailing]
    #expect(
      faults.map(\.description) == [
        "4095 bytes stored", "stream corrupt (INPUT_OVERRUN)", "decodes to 4000 bytes",
        "decodes to more than 4096 bytes", "bytes after the end of the stream",
      ])
  }

  /// Cut, flipped, overwritten, spliced: whatever comes, no trap, and the head is the page's where there is a page.
  @Test(arguments: codecs) func damageNeverTrapsAndHeadAndPageAgree(_ encoding: PageCodec, _ codec: RecipeCodec)
    throws
  {
    var random = CodecSamples.Random(seed: UInt64(encoding.kdumpFlags))
    let streams = CodecSamples.pages(60, seed: 7).compactMap { RecipeBytes.compress($0, codec) }
    var good = 0
    var bad = 0
    for _ in 0..<20_000 {
      var stream = streams[random.below(streams.count)]
      damage(&stream, by: streams[random.below(streams.count)], &random)
      let head = decoder.head(stream, encoding)
      switch decoder.page(stream, encoding) {
      case .success(let page):
        good += 1
        let first = try #require(CodecSamples.head(page))
        #expect(head == .head(first), "\(stream)")
      case .failure:
        bad += 1
        #expect(head != .needsMore)
      }
      // The first bytes never say otherwise than all of them.
      let part = decoder.head(Array(stream.prefix(random.below(64))), encoding, storedSize: stream.count)
      #expect(part == .needsMore || part == head)
    }
    #expect(good > 0)
    #expect(bad > 1000)
  }

  /// Half of it lands in the first bytes, where the head is decided.
  private func damage(_ stream: inout [UInt8], by other: [UInt8], _ random: inout CodecSamples.Random) {
    let reach = random.below(2) == 0 ? min(stream.count, 40) : stream.count
    switch random.below(5) {
    case 0: stream.removeLast(random.below(stream.count))
    case 1: stream = Array(stream.prefix(random.below(reach) + 1))
    case 2: for _ in 0...random.below(3) { stream[random.below(reach)] ^= 1 << UInt8(random.below(8)) }
    case 3: for _ in 0...random.below(6) { stream[random.below(reach)] = random.byte() }
    default:
      stream = Array((stream.prefix(random.below(reach)) + other.dropFirst(random.below(other.count))).prefix(4096))
    }
    if stream.isEmpty { stream = [random.byte()] }
  }

  private func text(_ size: Int) -> [UInt8] {
    var random = CodecSamples.Random(seed: 8)
    return Array((CodecSamples.text(&random) + CodecSamples.text(&random) + CodecSamples.text(&random)).prefix(size))
  }

  private func stored(_ bytes: [UInt8], _ codec: RecipeCodec) throws -> [UInt8] {
    try #require(RecipeBytes.compress(bytes, codec))
  }
}

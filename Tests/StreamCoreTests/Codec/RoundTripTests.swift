import HostRecipes
import Testing

@testable import StreamCore

@Suite struct RoundTripTests {
  static let codecs: [PageCodec] = [.zlib, .lzo, .snappy, .zstd]

  @Test(arguments: codecs) func everyPageComesBackAndItsHeadIsItsFirst16Bytes(_ encoding: PageCodec) throws {
    let encoder = PageEncoder(encoding)
    let decoder = PageDecoder()
    var compressed = 0
    for page in CodecSamples.pages(600, seed: 1) {
      let (stored, kind) = CodecSamples.stored(page, encoder)
      if kind == encoding { compressed += 1 }
      #expect(try decoder.page(stored, kind).get() == page)
      let head = try #require(CodecSamples.head(page))
      #expect(decoder.head(stored, kind) == .head(head))
    }
    #expect(compressed >= 500)
  }

  /// What reads a dump elsewhere is the codec's own library; for zlib it is not the one that encodes here.
  @Test(arguments: [(PageCodec.zlib, RecipeCodec.zlib), (.lzo, .lzo), (.snappy, .snappy), (.zstd, .zstd)])
  func theCodecsOwnLibraryReadsWhatWasEncodedAndIsRead(_ encoding: PageCodec, _ codec: RecipeCodec) throws {
    let encoder = PageEncoder(encoding)
    let decoder = PageDecoder()
    var read = 0
    for page in CodecSamples.pages(300, seed: 5) {
      let (stored, kind) = CodecSamples.stored(page, encoder)
      guard kind == encoding else { continue }
      #expect(RecipeBytes.expand(stored, codec) == page)
      if let theirs = RecipeBytes.compress(page, codec) { #expect(try decoder.page(theirs, encoding).get() == page) }
      read += 1
    }
    #expect(read >= 200)
  }

  @Test func aRawPageIsItself() throws {
    let decoder = PageDecoder()
    for page in CodecSamples.pages(12, seed: 2) {
      #expect(try decoder.page(page, .raw).get() == page)
      let head = try #require(CodecSamples.head(page))
      #expect(decoder.head(page, .raw) == .head(head))
    }
  }

  @Test func theHeadIsLittleEndian() {
    let page = (0..<pageSize).map { UInt8(truncatingIfNeeded: $0) }
    #expect(CodecSamples.head(page) == PageHead(low: 0x0706_0504_0302_0100, high: 0x0f0e_0d0c_0b0a_0908))
  }

  @Test func aDecodedPageReplacesWhateverTheBufferHeld() throws {
    let decoder = PageDecoder()
    var page = [UInt8](repeating: 7, count: 9000)
    let fault = try CodecSamples.zero.withBytes { try decoder.decode($0, .raw, into: &page) }
    #expect(fault == nil)
    #expect(page == CodecSamples.zero)
  }

  @Test(arguments: codecs) func anEncoderAppendsAndSaysHowMuch(_ encoding: PageCodec) throws {
    let encoder = PageEncoder(encoding)
    var output: [UInt8] = [1, 2, 3]
    let count = try #require(encoder.size(CodecSamples.zero, into: &output))
    #expect(output.count == 3 + count)
    #expect(output.starts(with: [1, 2, 3]))
    #expect(try PageDecoder().page(Array(output[3...]), encoding).get() == CodecSamples.zero)
  }

  @Test(arguments: PageCodec.allCases) func aPageThatDoesNotShrinkIsLeftAlone(_ encoding: PageCodec) {
    var random = CodecSamples.Random(seed: 3)
    var output: [UInt8] = [9]
    let count = PageEncoder(encoding).size(CodecSamples.noise(&random), into: &output)
    #expect(count == nil)
    #expect(output == [9])
  }

  @Test(arguments: PageCodec.allCases) func onlyWholePagesAreEncoded(_ encoding: PageCodec) {
    var output: [UInt8] = []
    for size in [0, 1, 4095, 4097, 8192] {
      let bytes = [UInt8](repeating: 0, count: size)
      #expect(PageEncoder(encoding).size(bytes, into: &output) == nil)
    }
    #expect(output.isEmpty)
  }

  @Test func theRawEncoderNeverEncodes() {
    var output: [UInt8] = []
    #expect(PageEncoder(.raw).size(CodecSamples.zero, into: &output) == nil)
  }

  /// A guest dump must not tell in which order, or by how many workers, its pages were compressed.
  @Test(arguments: codecs) func whatAnEncoderDidBeforeLeavesNoTrace(_ encoding: PageCodec) {
    let used = PageEncoder(encoding)
    for page in CodecSamples.pages(90, seed: 4).reversed() {
      #expect(CodecSamples.stored(page, used).bytes == CodecSamples.stored(page, PageEncoder(encoding)).bytes)
    }
  }

  /// Source: Documentation/codecs.md §1, "4096 zero bytes become"; it has zlib's 41 bytes, these are libdeflate's (seen
  /// with 1.14).
  @Test(arguments: [(PageCodec.zlib, 26), (.lzo, 44), (.snappy, 196), (.zstd, 19)])
  func aZeroPageHasTheKnownSize(_ encoding: PageCodec, _ size: Int) {
    #expect(CodecSamples.stored(CodecSamples.zero, PageEncoder(encoding)).bytes.count == size)
  }
}

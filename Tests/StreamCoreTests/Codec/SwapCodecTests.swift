import HostRecipes
@testable import StreamCore
import Testing

/// Pages as a kernel's zswap compresses them.
@Suite struct SwapCodecTests {
  private static let codecs: [SwapCodec] = [.lzo, .lzoRLE, .deflate, .zstd, .lz4]
  private let decoder = PageDecoder()

  private static var pages: [[UInt8]] {
    (0..<48 as Range<UInt64>).map { number in
      let words = RecipeContent.small(frame: number, seed: 7) ?? [UInt64](repeating: 0, count: 512)
      return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }
  }

  private func decode(_ stored: [UInt8], _ codec: SwapCodec) throws -> (page: [UInt8], fault: DecodeFault?) {
    var page: [UInt8] = []
    let fault = try stored.withBytes { (bytes) throws(SystemError) in try decoder.decode(bytes, codec, into: &page) }
    return (page, fault)
  }

  @Test(arguments: codecs) func whatTheKernelWritesIsRead(codec: SwapCodec) throws {
    for page in Self.pages {
      let compressed = RecipeBytes.compress(page, asKernel: codec.rawValue)
      let stored = try #require(compressed)
      let (read, fault) = try decode(stored, codec)
      #expect(fault == nil)
      #expect(read.elementsEqual(page))
    }
  }

  /// A stream without the head of version 1 is plain LZO, which liblzo2 writes in all of its forms.
  @Test func plainLZOIsReadAsTheLibraryDoes() throws {
    for page in Self.pages + [
      SparsePages.repeated(distance: 2100), SparsePages.repeated(distance: 3), SparsePages.sparse,
    ] {
      let stored = try #require(RecipeBytes.compress(page, .lzo))
      #expect(try decode(stored, .lzoRLE).page.elementsEqual(page))
      #expect(try decode(stored + [0], .lzoRLE).fault == .trailing)
    }
  }

  @Test(arguments: codecs) func aCutStreamIsNoPage(codec: SwapCodec) throws {
    for page in Self.pages.prefix(8) {
      let stored = try #require(RecipeBytes.compress(page, asKernel: codec.rawValue))
      for count in Array(0..<min(stored.count, 40)) + [stored.count / 2, stored.count - 1] where count < stored.count {
        #expect(try decode(Array(stored.prefix(count)), codec).fault != nil, "\(count) of \(stored.count)")
      }
    }
  }

  /// Whatever stands there: a whole page, or a fault.
  @Test(arguments: codecs) func anyBytesEndInAPageOrAFault(codec: SwapCodec) throws {
    var seed: UInt64 = 0x2545_f491_4f6c_dd1d
    func next() -> Int {
      seed ^= seed << 13
      seed ^= seed >> 7
      seed ^= seed << 17
      return Int(seed >> 33)
    }
    for page in Self.pages.prefix(12) {
      let stored = try #require(RecipeBytes.compress(page, asKernel: codec.rawValue))
      for _ in 0..<40 {
        var damaged = stored
        for _ in 0..<1 + next() % 4 { damaged[next() % damaged.count] = UInt8(next() & 0xff) }
        let (read, fault) = try decode(damaged, codec)
        #expect(fault != nil || read.count == pageSize)
      }
    }
    for _ in 0..<200 {
      let (read, fault) = try decode((0..<1 + next() % 64).map { _ in UInt8(next() & 0xff) }, codec)
      #expect(fault != nil || read.count == pageSize)
    }
  }

  /// A page of zeros takes some bytes; a stream of more or less than a page is none.
  @Test func runsOfZerosEndWithThePage() throws {
    let head: [UInt8] = [17, 1, 21, 1, 2, 3, 4]
    // 2047 zeros; with the first byte's lowest bits all set 2051. Then 2041, which end the page.
    let run: [UInt8] = [0x1b, 0xfc, 0xff, 0xff]
    let rest: [UInt8] = [0x1d, 0xfc, 0xff, 254]
    let whole = try decode(head + run.replacing(0, 0x18 | 7) + rest + [17, 0, 0], .lzoRLE)
    #expect(whole.fault == nil && whole.page == [1, 2, 3, 4] + [UInt8](repeating: 0, count: 4092))
    #expect(try decode(head + run + [17, 0, 0], .lzoRLE).fault == .short(4 + 2047))
    let full = run.replacing(0, 0x18 | 7)
    #expect(try decode(head + full + full + [17, 0, 0], .lzoRLE).fault == .long)
  }
}

private enum SparsePages {
  /// 64 bytes, and again after so many.
  static func repeated(distance: Int) -> [UInt8] {
    var page = (0..<pageSize).map { UInt8(truncatingIfNeeded: $0 &* 151 ^ $0 >> 4) }
    for at in distance..<pageSize { page[at] = page[at - distance] }
    return page
  }

  static let sparse = (0..<pageSize).map { $0 % 61 == 0 ? UInt8(truncatingIfNeeded: $0) : 0 }
}

extension [UInt8] {
  fileprivate func replacing(_ index: Int, _ byte: UInt8) -> [UInt8] {
    var copy = self
    copy[index] = byte
    return copy
  }
}

import Foundation
import Testing

@testable import StreamCore

/// The first byte of a page for less than its head, held against the library.
@Suite struct FirstByteTests {
  static let encodings: [PageCodec] = [.zlib, .lzo, .snappy, .zstd]
  let decoder = PageDecoder()

  private func firstByte(_ stored: [UInt8], _ encoding: PageCodec) -> UInt8? {
    stored.withBytes { decoder.firstByte($0, encoding) }
  }

  @Test(arguments: encodings) func pagesThatOurEncoderWritesAreTold(encoding: PageCodec) {
    let encoder = PageEncoder(encoding)
    var asked = 0
    var told = 0
    for page in CodecSamples.pages(3000, seed: 21) {
      let (stored, found) = CodecSamples.stored(page, encoder)
      guard found == encoding else { continue }
      asked += 1
      guard let byte = firstByte(stored, encoding) else { continue }
      told += 1
      #expect(byte == page[0])
    }
    // LZO and snappy pages that begin with a long run are left to the head's decoder.
    #expect(encoding == .zlib || encoding == .zstd ? told == asked : told > asked / 3, "\(told) of \(asked)")
  }

  /// Streams of other levels have other blocks: stored, of the fixed code, of one Huffman stream.
  @Test(arguments: encodings) func pagesOfFewBytesOtherThanZeroAreTold(encoding: PageCodec) {
    let encoder = PageEncoder(encoding)
    var random = CodecSamples.Random(seed: 22)
    for count in 0..<600 {
      var page = CodecSamples.zero
      for index in 0..<count % 100 { page[index] = UInt8(truncatingIfNeeded: random.below(1 + count / 3)) }
      let (stored, found) = CodecSamples.stored(page, encoder)
      guard found == encoding else { continue }
      if let byte = firstByte(stored, encoding) {
        #expect(byte == page[0])
      } else {
        #expect(encoding == .lzo || encoding == .snappy)
      }
    }
  }

  /// What the library still decodes begins with the byte that was told; nothing traps.
  @Test(arguments: encodings) func aDamagedStreamIsToldRightOrNotAtAll(encoding: PageCodec) throws {
    let encoder = PageEncoder(encoding)
    var random = CodecSamples.Random(seed: 23)
    var decoded = 0
    for page in CodecSamples.pages(400, seed: 24) {
      let (stored, found) = CodecSamples.stored(page, encoder)
      guard found == encoding else { continue }
      for round in 0..<40 {
        var damaged = stored
        // Most of the damage where the codes stand.
        for _ in 0..<1 + random.below(3) {
          let reach = round % 2 == 0 ? min(40, damaged.count) : damaged.count
          damaged[random.below(reach)] ^= UInt8(1 << random.below(8))
        }
        if round % 5 == 4 { damaged.removeLast(random.below(damaged.count)) }
        let told = firstByte(damaged, encoding)
        guard case .success(let page) = decoder.page(damaged, encoding) else { continue }
        decoded += 1
        #expect(told == nil || told == page[0])
      }
    }
    #expect(decoded > 100)
  }

  @Test(arguments: encodings) func noiseDoesNotTrap(encoding: PageCodec) {
    var random = CodecSamples.Random(seed: 25)
    let starts: [PageCodec: [UInt8]] = [.zlib: [0x78, 0x01], .zstd: [0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x00, 0x0f]]
    for round in 0..<20_000 {
      var stored = starts[encoding] ?? []
      for _ in 0..<random.below(120) { stored.append(random.byte()) }
      if encoding == .zstd, round % 2 == 0, stored.count > 10 {
        // A compressed block that fills the rest.
        let header = UInt32(stored.count - 10) << 3 | 5
        for index in 0..<3 { stored[7 + index] = UInt8(truncatingIfNeeded: header >> UInt32(index * 8)) }
      }
      if stored.isEmpty { continue }
      let told = firstByte(stored, encoding)
      guard case .success(let page) = decoder.page(stored, encoding) else { continue }
      #expect(told == nil || told == page[0])
    }
  }

  /// zlib streams by hand: a stored block, and one of the fixed code with literals of 8 bits and of 9.
  @Test func zlibBlocksWithoutACodeOfTheirOwn() {
    #expect(firstByte([0x78, 0x01, 0x01, 3, 0, 0xfc, 0xff, 65, 66, 67], .zlib) == 65)
    #expect(firstByte([0x78, 0x01, 0x01, 3, 0, 0xfc, 0xfe, 65, 66, 67], .zlib) == nil)
    // BFINAL 1, BTYPE 01, then the code of "A", 01110001, from its highest bit on.
    #expect(firstByte([0x78, 0x01, 0b0111_0011, 0b0000_0100, 0, 0], .zlib) == 65)
    // The code of 0xff, 111111111.
    #expect(firstByte([0x78, 0x01, 0b1111_1011, 0b0000_1111, 0, 0], .zlib) == 0xff)
    // A length, 0000001: nothing to copy from.
    #expect(firstByte([0x78, 0x01, 0b0000_0011, 0b0000_0010, 0, 0], .zlib) == nil)
  }

  /// Pages of a real host, where a folder with dumps is named.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["VMCS_SPLIT_DUMPS"] != nil))
  func pagesOfARealHost() throws {
    let folder = try #require(ProcessInfo.processInfo.environment["VMCS_SPLIT_DUMPS"])
    let dump = try openHostDump(path: folder + "/haswell/host.zlib.kdump")
    var told = 0
    var asked = 0
    for stretch in dump.stretches.prefix(12) {
      var batch = PageBatch()
      try dump.load(stretch, into: &batch)
      for stored in batch.pages where stored.codec == .zlib {
        let bytes = try dump.input.file.read(at: stored.offset, count: Int(stored.size))
        let page = try decoder.page(bytes, .zlib).get()
        asked += 1
        guard let byte = firstByte(bytes, .zlib) else { continue }
        told += 1
        if byte != page[0] { Issue.record("frame \(stored.frame): \(byte), not \(page[0])") }
        var again: [UInt8] = []
        guard PageEncoder(.zstd).size(page, into: &again) != nil else { continue }
        if let byte = firstByte(again, .zstd), byte != page[0] {
          Issue.record("frame \(stored.frame) as zstd: \(byte)")
        }
      }
    }
    #expect(asked > 2000 && told == asked, "\(told) of \(asked)")
  }
}

import HostModel
import Testing

@testable import StreamCore

/// The sizes above which a compressed page is not looked at: nothing that is looked for may be stored in more bytes.
@Suite struct HeadFilterTests {
  private static let codecs = PageCodec.allCases.filter { $0 != .raw }

  private func stored(_ page: [UInt8], _ codec: PageCodec) -> Int {
    var stored: [UInt8] = []
    return PageEncoder(codec).size(page, into: &stored) ?? pageSize
  }

  @Test(arguments: codecs)
  func aRegionWithEveryFieldRandomIsStoredFarBelowTheLimit(codec: PageCodec) throws {
    var random = SplitMix64(seed: 5)
    var largest = 0
    for layout in LayoutCatalogue.all.compactMap(\.layout) {
      for _ in 0..<20 {
        var page = [UInt8](repeating: 0, count: pageSize)
        page.store(layout.revisionIDs.first ?? 0, at: 0)
        for field in layout.fields {
          let place = try #require(layout[field])
          for at in place.offset..<place.offset + place.width { page[at] = UInt8(1 + random.below(255)) }
        }
        largest = max(largest, stored(page, codec))
      }
    }
    // Real regions take 400 to 600 bytes; a quarter of the limit is margin for fields that no layout here knows.
    #expect(largest < Int(StoredSizeLimit.region) * 3 / 4, "\(largest)")
    let page = StoredPage(frame: 0, offset: 0, size: UInt32(largest), codec: codec)
    #expect(StoredSizeLimit.allowsRegion(page) && StoredSizeLimit.allows(page))
  }

  /// As long as the kernel's buffer lets it be, with nothing in it that repeats but what every kernel writes.
  @Test(arguments: codecs)
  func aPageFullOfVMCOREINFOWithRandomNamesAndValuesIsStoredBelowTheLimit(codec: PageCodec) {
    var random = SplitMix64(seed: 6)
    var largest = 0
    for _ in 0..<50 {
      var text = "OSRELEASE=6.1.0-28-amd64\nBUILD-ID="
      for _ in 0..<40 { text += String(random.below(16), radix: 16) }
      text += "\nPAGESIZE=4096\n"
      while text.utf8.count < pageSize - 64 {
        var name = ""
        for _ in 0..<4 + random.below(16) { name.unicodeScalars.append(UnicodeScalar(UInt8(97 + random.below(26)))) }
        switch random.below(4) {
        case 0:
          text += "SYMBOL(\(name))=ffffffff"
          for _ in 0..<8 { text += String(random.below(16), radix: 16) }
          text += "\n"
        case 1: text += "SIZE(\(name))=\(random.below(4096))\n"
        case 2: text += "OFFSET(\(name).\(name.reversed().map(String.init).joined()))=\(random.below(4096))\n"
        default: text += "NUMBER(\(name))=\(random.below(1 << 20))\n"
        }
      }
      for isNote in [false, true] {
        var page: [UInt8] = []
        if isNote {
          page.append(littleEndian: UInt32(11))
          page.append(littleEndian: UInt32(text.utf8.count))
          page.append(littleEndian: UInt32(0))
          page += Array("VMCOREINFO\0\0".utf8)
        }
        page += Array(text.utf8)
        page = Array((page + [UInt8](repeating: 0, count: pageSize)).prefix(pageSize))
        largest = max(largest, stored(page, codec))
      }
    }
    #expect(largest < Int(StoredSizeLimit.of(codec)), "\(largest)")
  }

  @Test func rawPagesAreNeverRuledOut() {
    #expect(StoredSizeLimit.allows(StoredPage(frame: 0, offset: 0, size: 4096, codec: .raw)))
  }

  @Test(arguments: codecs)
  func pagesThatTakeNearlyAllTheirBytesAreRuledOut(codec: PageCodec) {
    #expect(!StoredSizeLimit.allows(StoredPage(frame: 0, offset: 0, size: 4000, codec: codec)))
  }
}

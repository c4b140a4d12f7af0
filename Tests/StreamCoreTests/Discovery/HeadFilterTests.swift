import Testing

@testable import StreamCore

/// The size above which a compressed page is no candidate: no region may be stored in more bytes than that.
@Suite struct HeadFilterTests {
  @Test(arguments: PageEncoding.allCases.filter { $0 != .raw })
  func aRegionWithEveryFieldRandomIsStoredFarBelowTheLimit(encoding: PageEncoding) throws {
    var random = RecipeRandom(seed: 5)
    var largest = 0
    for layout in LayoutCatalogue.all.compactMap(\.layout) {
      for _ in 0..<20 {
        var page = [UInt8](repeating: 0, count: pageSize)
        page.store(layout.revisionIDs.first ?? 0, at: 0)
        for field in layout.fields {
          let place = try #require(layout[field])
          for at in place.offset..<place.offset + place.width { page[at] = UInt8(1 + random.below(255)) }
        }
        var stored: [UInt8] = []
        let size = page.withBytes { PageEncoder(encoding).encode($0, into: &stored) }
        largest = max(largest, try #require(size, "\(layout.id) is stored raw, which is never ruled out"))
      }
    }
    // Real regions take 400 to 600 bytes; a quarter of the limit is margin for fields that no layout here knows.
    #expect(largest < Int(HeadTest.regionLimit) * 3 / 4, "\(largest)")
    let page = StoredPage(frame: 0, offset: 0, size: UInt32(largest), encoding: encoding)
    #expect(HeadTest.canBeRegion(page))
  }

  @Test func rawPagesAreNeverRuledOutAndLargeOnesAre() {
    #expect(HeadTest.canBeRegion(StoredPage(frame: 0, offset: 0, size: 4096, encoding: .raw)))
    #expect(!HeadTest.canBeRegion(StoredPage(frame: 0, offset: 0, size: 4000, encoding: .lzo)))
  }
}

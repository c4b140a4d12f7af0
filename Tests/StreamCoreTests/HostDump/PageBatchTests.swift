import Testing

@testable import StreamCore

/// A stretch as one batch, against the same stretch page by page.
@Suite struct PageBatchTests {
  private func page(_ frame: UInt64, at offset: UInt64, size: UInt32 = 100) -> StoredPage {
    StoredPage(frame: frame, offset: offset, size: size, codec: .lzo)
  }

  @Test func neighboursWithOnePlaceStandOnce() {
    var batch = PageBatch()
    for entry in [page(1, at: 4096), page(2, at: 4096), page(3, at: 9000), page(5, at: 4096), page(6, at: 4096)] {
      batch.append(entry)
    }
    #expect(batch.pages.map(\.frame) == [1, 3, 5])
    #expect(batch.shared == [0, 2])
    #expect(batch.count == 5)
    batch.clear(room: 8)
    #expect(batch.pages.isEmpty && batch.shared.isEmpty && batch.count == 0)
  }

  @Test func onePlaceWithTwoSizesIsTwoPages() {
    var batch = PageBatch()
    batch.append(page(1, at: 4096))
    batch.append(page(2, at: 4096, size: 101))
    #expect(batch.pages.count == 2 && batch.shared.isEmpty)
  }
}

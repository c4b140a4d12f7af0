import Testing

@testable import StreamCore

/// Many pages with few requests, whatever their places: overlapping, out of order, repeated, past the end.
@Suite struct StoredReaderTests {
  private static let size = 3 << 20

  private func file() throws -> (InputFile, RecipeDirectory, [UInt8]) {
    var random = RecipeRandom(seed: 5)
    let bytes = (0..<Self.size / 8).flatMap { _ in RecipeFile.le64(random.next()) }
    let directory = try RecipeDirectory()
    return (try InputFile(path: try directory.write(bytes, as: "file")), directory, bytes)
  }

  private func expectEach(_ pages: [StoredPage], _ file: InputFile, _ bytes: [UInt8]) throws {
    var reader = StoredReader(file, for: .pages)
    var seen: [Int] = []
    try reader.read(pages) { index, span in
      seen.append(index)
      let start = min(Int(pages[index].offset), bytes.count)
      let end = min(start + Int(pages[index].size), bytes.count)
      #expect(span.bytes(0, count: span.byteCount) == Array(bytes[start..<end]))
    }
    #expect(seen == Array(pages.indices))
  }

  private func page(_ offset: Int, _ size: Int) -> StoredPage {
    StoredPage(frame: 0, offset: UInt64(offset), size: UInt32(size), encoding: .zstd)
  }

  @Test func neighboursComeWithFewRequests() throws {
    let (file, directory, bytes) = try file()
    try expectEach((0..<1000).map { page(8192 + $0 * 700, 700) }, file, bytes)
    #expect(file.counters[.pages] == 700_000)
    withExtendedLifetime(directory) {}
  }

  @Test func theSharedPageIsReadOnce() throws {
    let (file, directory, bytes) = try file()
    let pages = (0..<100).flatMap { [page(4096, 4096), page(100_000 + $0 * 500, 500)] }
    try expectEach(pages, file, bytes)
    #expect(file.counters[.pages] <= 2 * 4096 + 100 * 500)
    withExtendedLifetime(directory) {}
  }

  @Test func anyOrderAndOverlapGivesEachItsOwnBytes() throws {
    let (file, directory, bytes) = try file()
    var random = RecipeRandom(seed: 9)
    for _ in 0..<20 {
      var at = Int(random.below(UInt64(Self.size)))
      var pages: [StoredPage] = []
      for _ in 0..<200 {
        switch random.below(4) {
        case 0: at = Int(random.below(UInt64(Self.size)))
        case 1: at = max(0, at - Int(random.below(9000)))
        default: at += Int(random.below(5000))
        }
        pages.append(page(min(at, Self.size + 100), 1 + Int(random.below(4096))))
      }
      let before = file.counters[.pages]
      try expectEach(pages, file, bytes)
      // Bounded work: a page costs its own bytes and the gap before it, twice at most.
      #expect(file.counters[.pages] - before <= 200 * 4 * 4096)
    }
    withExtendedLifetime(directory) {}
  }

  @Test func pagesAtTheEndAreShort() throws {
    let (file, directory, bytes) = try file()
    try expectEach(
      [page(Self.size - 5000, 4096), page(Self.size - 100, 4096), page(Self.size, 10), page(Self.size + 5, 10)], file,
      bytes)
    withExtendedLifetime(directory) {}
  }
}

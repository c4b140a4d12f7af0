/// Reads the stored bytes of many pages with few requests: neighbours in the file come as one block. One reader a worker.
struct StoredReader {
  private let file: InputFile
  private let purpose: ReadPurpose
  /// Bytes asked for at once.
  static let blockBytes: UInt64 = 1 << 20
  /// A gap between two pages that is read over rather than asked around, in bytes.
  private static let gap: UInt64 = 4096

  private var block: [UInt8] = []
  private var blockStart: UInt64 = 0
  /// A page that lies outside the file order, as the shared zero page does: kept until another one is met.
  private var stray: [UInt8] = []
  private var strayStart = UInt64.max

  init(_ file: InputFile, for purpose: ReadPurpose) {
    self.file = file
    self.purpose = purpose
  }

  /// Calls `body` with the index of each page and its stored bytes, in the order given. The span is shorter than the page's
  /// size where the file ended early.
  mutating func read(
    _ pages: [StoredPage], _ body: (_ index: Int, RawSpan) throws -> Void
  ) throws {
    var index = 0
    while index < pages.count {
      let page = pages[index]
      if let at = place(page, in: blockStart, block.count) {
        try block.withBytes { try body(index, $0.extracting(at..<at + Int(page.size))) }
        index += 1
      } else if page.offset == strayStart || page.offset < blockStart {
        if page.offset != strayStart || stray.count < Int(page.size) {
          stray = try file.read(at: page.offset, count: Int(page.size), for: purpose)
          strayStart = page.offset
        }
        try stray.withBytes { try body(index, $0.extracting(0..<min(stray.count, Int(page.size)))) }
        index += 1
      } else {
        let end = Self.blockEnd(pages, from: index)
        block = try file.read(at: page.offset, count: Int(end - page.offset), for: purpose)
        blockStart = page.offset
        if place(page, in: blockStart, block.count) == nil {
          // The file ends inside this page: hand over what there is.
          try block.withBytes { try body(index, $0) }
          index += 1
        }
      }
    }
  }

  private func place(_ page: StoredPage, in start: UInt64, _ count: Int) -> Int? {
    guard page.offset >= start, page.offset - start <= UInt64(count),
      UInt64(count) - (page.offset - start) >= UInt64(page.size)
    else { return nil }
    return Int(page.offset - start)
  }

  /// Where the block that begins with page `first` ends: as far as the following pages lie close behind each other.
  private static func blockEnd(_ pages: [StoredPage], from first: Int) -> UInt64 {
    let start = pages[first].offset
    var end = start + UInt64(pages[first].size)
    for page in pages[(first + 1)...] {
      if page.offset < end { continue }
      let next = page.offset + UInt64(page.size)
      guard page.offset - end <= gap, next - start <= blockBytes else { break }
      end = next
    }
    return end
  }
}

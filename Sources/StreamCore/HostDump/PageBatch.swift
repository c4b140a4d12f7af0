/// The stored pages of a stretch of frames, ascending. Kept by a worker from stretch to stretch, for its room.
struct PageBatch: Sendable {
  /// Neighbours that share one place in the file, as the frames with zero pages do, stand here once, by the first
  /// frame.
  private(set) var pages: [StoredPage] = []
  /// Indexes in `pages` of those that stand for several frames, ascending.
  private(set) var shared: [Int] = []
  /// Frames with a page.
  private(set) var count: UInt64 = 0
  /// Frames with a descriptor that cannot be used.
  private(set) var faults: UInt64 = 0

  init() {}

  mutating func clear(room: Int) {
    pages.removeAll(keepingCapacity: true)
    pages.reserveCapacity(room)
    shared.removeAll(keepingCapacity: true)
    count = 0
    faults = 0
  }

  @inline(__always)
  mutating func append(_ page: StoredPage) {
    if let last = pages.last, last.sharesBytes(with: page) { return appendAgain() }
    count &+= 1
    pages.append(page)
  }

  /// One more frame with the page that was appended last.
  @inline(__always)
  mutating func appendAgain() {
    count &+= 1
    let index = pages.count &- 1
    if shared.last != index { shared.append(index) }
  }

  @inline(__always)
  mutating func addFault() { faults &+= 1 }
}

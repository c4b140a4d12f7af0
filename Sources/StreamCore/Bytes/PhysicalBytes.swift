/// A stretch of physical memory, read once; what the dump lacks reads as `nil`.
struct PhysicalBytes: Sendable {
  /// First byte, a multiple of 8.
  let start: UInt64
  /// One past the last byte.
  let end: UInt64
  private let pages: [Page?]

  /// `count` is at most some tens of KiB: it comes from our own tables.
  init(_ memory: any PhysicalMemory, from start: UInt64, count: UInt64) {
    let (end, overflow) = start.addingReportingOverflow(count)
    self.start = start
    self.end = overflow ? start : end
    pages = self.end == start ? [] : (start >> 12...(self.end - 1) >> 12).map { memory.page($0).page }
  }

  /// The quadword at a physical address, a multiple of 8.
  func u64(_ address: UInt64) -> UInt64? {
    guard address >= start, address < end, end - address >= 8, address & 7 == 0 else { return nil }
    return pages[Int((address >> 12) - (start >> 12))]?.u64(Int(address & 0xfff))
  }

  /// The doubleword at a physical address, a multiple of 4.
  func u32(_ address: UInt64) -> UInt32? {
    guard let both = u64(address & ~7), address & 3 == 0 else { return nil }
    return UInt32(truncatingIfNeeded: both >> (address & 4 == 0 ? 0 : 32))
  }

  /// Frames of the pages that are there.
  var frames: [UInt64] { zip(UInt64(start >> 12)..., pages).compactMap { $1 == nil ? nil : $0 } }
}

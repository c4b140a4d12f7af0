import Glibc

/// One page of memory, whole: 4096 bytes.
public struct Page: Sendable, Equatable {
  public let bytes: [UInt8]

  /// `nil` unless there are exactly 4096 bytes.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == pageSize else { return nil }
    self.bytes = bytes
  }

  static let zero = Page(zeroed: ())
  private init(zeroed: Void) { bytes = Array(repeating: 0, count: pageSize) }

  /// The little-endian integer at `offset`; `offset` comes from our own tables or arithmetic on a page
  /// offset, and lies inside the page.
  func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self) -> T {
    guard let value: T = bytes.load(offset) else {
      preconditionFailure("offset \(offset) outside a page")
    }
    return value
  }

  func u16(_ offset: Int) -> UInt16 { load(offset) }
  func u32(_ offset: Int) -> UInt32 { load(offset) }
  func u64(_ offset: Int) -> UInt64 { load(offset) }

  /// Entry 0 to 511 of a page that is a table of quadwords, as page tables are.
  func entry(_ index: Int) -> UInt64 { load(index * 8) }

  var isZero: Bool { bytes.withBytes { $0.isZero } }
}

extension RawSpan {
  /// Whether every byte is 0.
  var isZero: Bool {
    unsafe withUnsafeBytes { bytes in
      guard byteCount > 0, let start = bytes.baseAddress else { return true }
      // Safe: both ranges lie inside. All bytes equal their neighbours, and the first is 0.
      return unsafe bytes[0] == 0 && memcmp(start, start + 1, bytes.count - 1) == 0
    }
  }
}

/// Physical memory, whole pages by frame number, without a word about files: the host's own, or a guest's as
/// seen through its second-level map.
protocol PhysicalMemory: Sendable {
  /// The page of `frame`, or why there is none.
  func page(_ frame: UInt64) -> PageResult
  /// The same for one who reads on and does not come back: the page takes the place of none that is kept.
  func passingPage(_ frame: UInt64) -> PageResult
}

extension PhysicalMemory {
  func passingPage(_ frame: UInt64) -> PageResult { page(frame) }
}

enum PageResult: Sendable, Equatable {
  case page(Page)
  /// The memory may exist, its bytes are not there.
  case absent
  /// Stored, but damaged.
  case bad

  var page: Page? { if case .page(let page) = self { page } else { nil } }
}

extension PhysicalMemory {
  /// `count` bytes from a physical address, across page borders; `nil` when a page is missing.
  func read(_ address: UInt64, count: Int) -> [UInt8]? {
    var result: [UInt8] = []
    var at = address
    while result.count < count {
      guard let page = page(at >> 12).page else { return nil }
      let start = Int(at & 0xfff)
      let take = min(count - result.count, pageSize - start)
      result += page.bytes[start..<start + take]
      at = at &+ UInt64(take)
    }
    return result
  }

  func u64(_ address: UInt64) -> UInt64? { read(address, count: 8)?.load(0) }
}

import StreamCore

/// Physical memory of a test: pages of 512 words; what was never written is absent.
struct VMXMemory: PhysicalMemory {
  private var pages: [UInt64: [UInt64]] = [:]
  private var bad: Set<UInt64> = []

  func page(_ frame: UInt64) -> PageResult {
    if bad.contains(frame) { return .bad }
    guard let words = pages[frame] else { return .absent }
    var bytes: [UInt8] = []
    for word in words { bytes.append(littleEndian: word) }
    return Page(bytes).map { .page($0) } ?? .absent
  }

  /// A table of `fill`.
  mutating func table(_ frame: UInt64, fill: UInt64 = 0) {
    pages[frame] = Array(repeating: fill, count: 512)
  }

  subscript(frame: UInt64, index: Int) -> UInt64 {
    get { pages[frame]?[index] ?? 0 }
    set { pages[frame, default: Array(repeating: 0, count: 512)][index] = newValue }
  }

  mutating func damage(_ frame: UInt64) { bad.insert(frame) }
  mutating func remove(_ frame: UInt64) { pages[frame] = nil }
}

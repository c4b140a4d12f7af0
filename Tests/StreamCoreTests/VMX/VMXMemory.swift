@testable import StreamCore

/// Physical memory of a test: pages of 512 words; what was never written is absent.
struct VMXMemory: PhysicalMemory {
  private var pages: [UInt64: [UInt8]] = [:]
  private var bad: Set<UInt64> = []

  func page(_ frame: UInt64) -> PageResult {
    if bad.contains(frame) { return .bad }
    return pages[frame].flatMap { Page($0) }.map { .page($0) } ?? .absent
  }

  /// A table of `fill`.
  mutating func table(_ frame: UInt64, fill: UInt64 = 0) {
    pages[frame] = Array(repeating: 0, count: 4096)
    if fill != 0 { for index in 0..<512 { self[frame, index] = fill } }
  }

  subscript(frame: UInt64, index: Int) -> UInt64 {
    get { pages[frame]?.load(index * 8) ?? 0 }
    set { pages[frame, default: Array(repeating: 0, count: 4096)].store(newValue, at: index * 8) }
  }

  mutating func damage(_ frame: UInt64) { bad.insert(frame) }
  mutating func remove(_ frame: UInt64) { pages[frame] = nil }
}

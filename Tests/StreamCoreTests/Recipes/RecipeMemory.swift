/// Physical memory that costs only what was written: frame number → 512 little-endian words. A frame never written is
/// zero.
struct RecipeMemory: Sendable {
  static let zero = [UInt64](repeating: 0, count: 512)
  static let zeroPage = [UInt8](repeating: 0, count: 4096)

  private(set) var pages: [UInt64: [UInt64]] = [:]

  /// The 8 bytes at `address`, which is a multiple of 8.
  func load(_ address: UInt64) -> UInt64 {
    pages[address >> 12]?[Int(address & 0xfff) >> 3] ?? 0
  }

  /// Stores the low `width` bytes of `value` at `address`, aligned or not.
  mutating func store(_ value: UInt64, at address: UInt64, width: Int = 8) {
    if width == 8 && address & 7 == 0 {
      pages[address >> 12, default: RecipeMemory.zero][Int(address & 0xfff) >> 3] = value
    } else {
      for index in 0..<width {
        storeByte(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))), at: address + UInt64(index))
      }
    }
  }

  mutating func write(_ bytes: some Sequence<UInt8>, at address: UInt64) {
    for (index, byte) in bytes.enumerated() { storeByte(byte, at: address + UInt64(index)) }
  }

  private mutating func storeByte(_ byte: UInt8, at address: UInt64) {
    let shift = (address & 7) * 8
    let place = Int(address & 0xfff) >> 3
    pages[address >> 12, default: RecipeMemory.zero][place] &= ~(0xff << shift)
    pages[address >> 12, default: RecipeMemory.zero][place] |= UInt64(byte) << shift
  }

  /// The 4096 bytes of a frame.
  func page(_ frame: UInt64) -> [UInt8] {
    guard let words = pages[frame] else { return RecipeMemory.zeroPage }
    return RecipeBytes.littleEndian(words)
  }

  /// The 512 words of a frame.
  func words(_ frame: UInt64) -> [UInt64] { pages[frame] ?? RecipeMemory.zero }

  /// Replaces a whole frame; `nil` makes it zero.
  mutating func setWords(_ words: [UInt64]?, frame: UInt64) { pages[frame] = words }

  func isZero(_ frame: UInt64) -> Bool {
    guard let words = pages[frame] else { return true }
    return words == RecipeMemory.zero
  }

  /// `count` bytes from `address` on, across frames.
  func bytes(at address: UInt64, count: Int) -> [UInt8] {
    (0..<UInt64(count)).map { index in
      let place = address + index
      return UInt8(truncatingIfNeeded: load(place & ~7) >> ((place & 7) * 8))
    }
  }
}

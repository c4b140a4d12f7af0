/// Physical memory that costs only what was written: frame number → 512 little-endian words. A frame never written is
/// zero.
public struct SparseMemory: Sendable {
  public static let zero = [UInt64](repeating: 0, count: 512)
  public static let zeroPage = [UInt8](repeating: 0, count: 4096)

  public private(set) var pages: [UInt64: [UInt64]] = [:]

  public init() {}

  /// The 8 bytes at `address`, which is a multiple of 8.
  public func load(_ address: UInt64) -> UInt64 {
    pages[address >> 12]?[Int(address & 0xfff) >> 3] ?? 0
  }

  /// Stores the low `width` bytes of `value` at `address`, aligned or not.
  public mutating func store(_ value: UInt64, at address: UInt64, width: Int = 8) {
    if width == 8 && address & 7 == 0 {
      pages[address >> 12, default: SparseMemory.zero][Int(address & 0xfff) >> 3] = value
    } else {
      for index in 0..<width {
        storeByte(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))), at: address + UInt64(index))
      }
    }
  }

  public mutating func write(_ bytes: some Sequence<UInt8>, at address: UInt64) {
    for (index, byte) in bytes.enumerated() { storeByte(byte, at: address + UInt64(index)) }
  }

  /// The same for many bytes. `address` is a multiple of 8; what follows the last byte in its word becomes zero.
  public mutating func write(block bytes: [UInt8], at address: UInt64) {
    var at = 0
    while at < bytes.count {
      let place = address + UInt64(at)
      var words = self.words(place >> 12)
      for word in Int(place & 0xfff) >> 3..<512 where at < bytes.count {
        var value: UInt64 = 0
        for byte in bytes[at..<min(at + 8, bytes.count)].reversed() { value = value << 8 | UInt64(byte) }
        words[word] = value
        at += 8
      }
      pages[place >> 12] = words
    }
  }

  private mutating func storeByte(_ byte: UInt8, at address: UInt64) {
    let shift = (address & 7) * 8
    let place = Int(address & 0xfff) >> 3
    pages[address >> 12, default: SparseMemory.zero][place] &= ~(0xff << shift)
    pages[address >> 12, default: SparseMemory.zero][place] |= UInt64(byte) << shift
  }

  /// The 4096 bytes of a frame.
  public func page(_ frame: UInt64) -> [UInt8] {
    guard let words = pages[frame] else { return SparseMemory.zeroPage }
    return LittleEndian.bytes(words)
  }

  /// The 512 words of a frame.
  public func words(_ frame: UInt64) -> [UInt64] { pages[frame] ?? SparseMemory.zero }

  /// Replaces a whole frame; `nil` makes it zero.
  public mutating func setWords(_ words: [UInt64]?, frame: UInt64) { pages[frame] = words }

  public func isZero(_ frame: UInt64) -> Bool {
    guard let words = pages[frame] else { return true }
    return words == SparseMemory.zero
  }

  /// `count` bytes from `address` on, across frames.
  public func bytes(at address: UInt64, count: Int) -> [UInt8] {
    (0..<UInt64(count)).map { index in
      let place = address + index
      return UInt8(truncatingIfNeeded: load(place & ~7) >> ((place & 7) * 8))
    }
  }
}

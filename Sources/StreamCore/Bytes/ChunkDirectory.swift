/// Slots by chunk number: a plain array for the chunks that dumps have in plenty, a dictionary for those far above.
struct ChunkDirectory: Sendable, Equatable {
  /// Chunks below this number stand in the array: 8 TiB of frames, for at most 256 KiB of memory.
  private static let limit: UInt64 = 1 << 16

  private var low: [Int32] = []
  private var high: [UInt64: Int] = [:]
  private(set) var count = 0

  /// Bytes of memory.
  var byteCount: Int { low.count * 4 + high.count * 48 }

  @inline(__always)
  subscript(chunk: UInt64) -> Int? {
    get {
      if chunk < UInt64(low.count) {
        let slot = low[Int(chunk)]
        return slot < 0 ? nil : Int(slot)
      }
      return chunk < Self.limit ? nil : high[chunk]
    }
    set {
      guard self[chunk] == nil, let slot = newValue else { return }
      count += 1
      guard chunk < Self.limit else {
        high[chunk] = slot
        return
      }
      if chunk >= UInt64(low.count) { low += repeatElement(-1, count: Int(chunk) + 1 - low.count) }
      low[Int(chunk)] = Int32(slot)
    }
  }

  /// All chunk numbers, ascending.
  var chunks: [UInt64] {
    low.indices.filter { low[$0] >= 0 }.map(UInt64.init) + high.keys.sorted()
  }
}

import HostModel

/// 64 bytes at a page's end that say whose page it is, wherever they turn up.
package enum RecipeSecret {
  /// "tenants'" and "secrets!", as bytes in memory.
  package static let marker: [UInt8] = Array("tenants'secrets!".utf8)
  /// The owner of the host's own pages.
  package static let host: UInt64 = 0xff

  package static func write(owner: UInt64, frame: UInt64, to memory: inout SparseMemory) {
    let place = frame << 12 | 0xfc0
    memory.write(marker, at: place)
    memory.store(owner, at: place + 16)
    for word in 3..<8 as Range<UInt64> {
      memory.store(SplitMix64.mix(owner << 40 | frame << 3 | word), at: place + word * 8)
    }
  }
}

/// Writes EPT as KVM does: the low bits of Linux 6.1's entries, or 6.12's with bit 63. Source: Documentation/vmcs.md
/// §6.
struct RecipeEPT: Sendable {
  /// What a leaf maps.
  enum Kind {
    case memory
    /// KSM pages and the shared zero page: no write permission, not dirty, KVM's host-writable bits clear.
    case readOnly
    /// A frame that is no RAM: memory type UC.
    case device
  }

  /// Physical address of the top-level table.
  let root: UInt64
  let levels: Int
  /// What an empty entry holds: 0, or bit 63 (suppress #VE) from 6.11 on. Leaves and tables then carry bit 63 as well.
  let empty: UInt64

  init(levels: Int, empty: UInt64, in space: inout RecipeSpace) throws(RecipeMistake) {
    self.levels = levels
    self.empty = empty
    root = try RecipeEPT.newTable(empty: empty, in: &space)
  }

  /// EPTP: write-back, walk length, A/D flags.
  var pointer: UInt64 { root | 6 | UInt64(levels - 1) << 3 | 1 << 6 }

  func map(
    _ gpa: UInt64, to hpa: UInt64, size: UInt64 = 4096, kind: Kind = .memory, in space: inout RecipeSpace
  ) throws(RecipeMistake) {
    let level = size == 4096 ? 1 : size == 2 << 20 ? 2 : 3
    var entry: UInt64
    switch kind {
    case .memory: entry = 0x0600_0000_0000_0b77
    case .readOnly: entry = 0x975
    case .device: entry = 0x0600_0000_0000_0b07
    }
    if level > 1 { entry |= 0x80 }
    try setEntry(entry | hpa | empty, gpa: gpa, level: level, in: &space)
  }

  /// KVM's marker for emulated MMIO, misconfigured on purpose: write and execute without read.
  func mapMMIO(_ gpa: UInt64, generation: UInt64, in space: inout RecipeSpace) throws(RecipeMistake) {
    let topBits: UInt64 = 0x1f << 39
    let low = gpa | (generation & 0xff) << 3 | 6
    try setEntry(low | topBits | (generation >> 8) << 52, gpa: gpa, level: 1, in: &space)
  }

  /// Any value at any level; tables on the way are made when missing.
  func setEntry(_ entry: UInt64, gpa: UInt64, level: Int, in space: inout RecipeSpace) throws(RecipeMistake) {
    var table = root
    var at = levels
    while at > level {
      let place = table + (gpa >> (12 + 9 * UInt64(at - 1)) & 0x1ff) * 8
      var next = space.memory.load(place)
      if next & 7 == 0 {
        next = try RecipeEPT.newTable(empty: empty, in: &space) | 0x907 | empty
        space.memory.store(next, at: place)
      }
      table = next & RecipePageTables.addressMask
      at -= 1
    }
    space.memory.store(entry, at: table + (gpa >> (12 + 9 * UInt64(level - 1)) & 0x1ff) * 8)
  }

  /// The entry at a level for an address, as far as tables lead there; else an empty one.
  func entry(_ gpa: UInt64, level: Int, in space: inout RecipeSpace) throws(RecipeMistake) -> UInt64 {
    var table = root
    for at in stride(from: levels, to: level, by: -1) {
      let next = space.memory.load(table + (gpa >> (12 + 9 * UInt64(at - 1)) & 0x1ff) * 8)
      guard next & 7 != 0 && next & 0x80 == 0 else { return empty }
      table = next & RecipePageTables.addressMask
    }
    return space.memory.load(table + (gpa >> (12 + 9 * UInt64(level - 1)) & 0x1ff) * 8)
  }

  private static func newTable(empty: UInt64, in space: inout RecipeSpace) throws(RecipeMistake) -> UInt64 {
    let frame = try space.allocate()
    space.memory.setWords([UInt64](repeating: empty, count: 512), frame: frame)
    return frame << 12
  }

  /// Tables full of equal leaves, each in the next 512 GiB, and so on round and round.
  func flood(_ flood: EPTFloodSpec, in space: inout RecipeSpace) throws(RecipeMistake) {
    let leaf: UInt64 = 0x0600_0000_0000_0b77 | (flood.level > 1 ? 0x80 : 0) | flood.address | empty
    for index in 0..<flood.tables {
      let frame = try space.allocate()
      space.memory.setWords([UInt64](repeating: leaf, count: 512), frame: frame)
      let gpa = (1 + index % 511) << 39 | (index / 511) << 30
      try setEntry(frame << 12 | 0x907 | empty, gpa: gpa, level: flood.level + 1, in: &space)
    }
  }
}

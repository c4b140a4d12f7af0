/// Entries of EPT and the pointer to it, as KVM of Linux 6.1 writes them; 6.12's carry bit 63 as well.
/// Source: Documentation/vmcs.md §6; SDM vol. 3, 29.3.2.
public enum EPTBits {
  /// What a leaf maps. The raw value is the leaf without an address.
  public enum Leaf: UInt64, Sendable {
    /// RAM: write-back, accessed, dirty, KVM's bits for what the host may write.
    case memory = 0x0600_0000_0000_0b77
    /// KSM pages and the shared zero page: no write permission, not dirty, KVM's host-writable bits clear.
    case readOnly = 0x975
    /// A frame that is no RAM: memory type UC.
    case device = 0x0600_0000_0000_0b07
  }

  /// A link to the next table: read, write, execute, accessed, and KVM's mark of a shadow page that is present.
  public static let table: UInt64 = 0x907
  /// A leaf above level 1.
  public static let large: UInt64 = 0x80
  /// Suppress #VE, which KVM sets in every entry from 6.11 on.
  public static let suppressVE: UInt64 = 1 << 63

  /// EPTP: write-back, walk length, A/D flags. `root` is the physical address of the top-level table.
  public static func pointer(root: UInt64, levels: Int) -> UInt64 { root | 6 | UInt64(levels - 1) << 3 | 1 << 6 }
}

/// Writes a guest's EPT, or NPT, into memory.
public struct EPTTables: Sendable {
  /// Physical address of the top-level table.
  public let root: UInt64
  public let levels: Int
  /// What an empty entry holds: 0, or `EPTBits.suppressVE`. Leaves and tables then carry it as well.
  public let empty: UInt64
  /// The tables are NPT's.
  public let isNPT: Bool
  /// AMD's C-bit, which all that leads to RAM carries; 0 without memory encryption.
  public let encryptionBit: UInt64

  public init<Space: FrameSpace>(
    levels: Int, empty: UInt64, isNPT: Bool = false, encryptionBit: UInt64 = 0, in space: inout Space
  ) throws(Space.Failure) {
    self.levels = levels
    self.empty = empty
    self.isNPT = isNPT
    self.encryptionBit = encryptionBit
    root = try EPTTables.newTable(empty: empty, in: &space)
  }

  /// EPTP, or nested CR3.
  public var pointer: UInt64 { isNPT ? root | encryptionBit : EPTBits.pointer(root: root, levels: levels) }

  /// A link to the next table.
  public var link: UInt64 { isNPT ? NPTBits.table | encryptionBit : EPTBits.table }

  /// NPT's leaves, as found on a real host; a device's is uncached.
  private func bits(_ leaf: EPTBits.Leaf) -> UInt64 {
    guard isNPT else { return leaf.rawValue }
    switch leaf {
    case .memory: return NPTBits.memory | encryptionBit
    case .readOnly: return 0x865 | encryptionBit
    case .device: return 0xe7f
    }
  }

  /// Maps a page of 4 KiB, 2 MiB or 1 GiB.
  public func map<Space: FrameSpace>(
    _ gpa: UInt64, to hpa: UInt64, size: UInt64 = 4096, leaf: EPTBits.Leaf = .memory, in space: inout Space
  ) throws(Space.Failure) {
    let level = size == 4096 ? 1 : size == 2 << 20 ? 2 : 3
    let entry = bits(leaf) | (level > 1 ? EPTBits.large : 0)
    try setEntry(entry | hpa | empty, gpa: gpa, level: level, in: &space)
  }

  /// KVM's marker for emulated MMIO, misconfigured on purpose: write and execute without read.
  public func mapMMIO<Space: FrameSpace>(
    _ gpa: UInt64, generation: UInt64, in space: inout Space
  ) throws(Space.Failure) {
    // Present, with the address bits that no processor has.
    if isNPT { return try setEntry(gpa | 7 | 0xf << 48, gpa: gpa, level: 1, in: &space) }
    let topBits: UInt64 = 0x1f << 39
    let low = gpa | (generation & 0xff) << 3 | 6
    try setEntry(low | topBits | (generation >> 8) << 52, gpa: gpa, level: 1, in: &space)
  }

  /// Any value at any level; tables on the way are made when missing.
  public func setEntry<Space: FrameSpace>(
    _ entry: UInt64, gpa: UInt64, level: Int, in space: inout Space
  ) throws(Space.Failure) {
    var table = root
    var at = levels
    while at > level {
      let place = table + (gpa >> (12 + 9 * UInt64(at - 1)) & 0x1ff) * 8
      var next = space.memory.load(place)
      if next & 7 == 0 {
        next = try EPTTables.newTable(empty: empty, in: &space) | link | empty
        space.memory.store(next, at: place)
      }
      table = next & PageTables.addressMask & ~encryptionBit
      at -= 1
    }
    space.memory.store(entry, at: table + (gpa >> (12 + 9 * UInt64(level - 1)) & 0x1ff) * 8)
  }

  /// The entry at a level for an address, as far as tables lead there; else an empty one.
  public func entry(_ gpa: UInt64, level: Int, in memory: SparseMemory) -> UInt64 {
    var table = root
    for at in stride(from: levels, to: level, by: -1) {
      let next = memory.load(table + (gpa >> (12 + 9 * UInt64(at - 1)) & 0x1ff) * 8)
      guard next & 7 != 0 && next & EPTBits.large == 0 else { return empty }
      table = next & PageTables.addressMask & ~encryptionBit
    }
    return memory.load(table + (gpa >> (12 + 9 * UInt64(level - 1)) & 0x1ff) * 8)
  }

  private static func newTable<Space: FrameSpace>(
    empty: UInt64, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let frame = try space.allocate()
    space.memory.setWords([UInt64](repeating: empty, count: 512), frame: frame)
    return frame << 12
  }
}

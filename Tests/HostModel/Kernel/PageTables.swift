/// Writes x86-64 page tables, 4 or 5 levels, pages of 4 KiB, 2 MiB and 1 GiB. Source: SDM vol. 3, 4.5.
public struct PageTables: Sendable {
  /// Bits of an entry: present, writable, user, accessed, dirty, page size, global, no-execute.
  public enum Flags {
    public static let kernelTable: UInt64 = 0x63
    public static let userTable: UInt64 = 0x67
    public static let kernelText: UInt64 = 0x161
    /// Code and variables in one leaf, as before the kernel protects its code.
    public static let kernelImage: UInt64 = 0x163
    public static let kernelData: UInt64 = 0x8000_0000_0000_0163
    public static let userData: UInt64 = 0x8000_0000_0000_0067
    public static let pageSize: UInt64 = 0x80
  }

  public static let addressMask: UInt64 = 0x000f_ffff_ffff_f000

  /// Physical address of the top-level table.
  public let root: UInt64
  public let levels: Int
  /// AMD's C-bit, which every entry that leads to RAM carries; 0 without memory encryption.
  public let encryptionBit: UInt64

  public init(root: UInt64, levels: Int, encryptionBit: UInt64 = 0) {
    self.root = root
    self.levels = levels
    self.encryptionBit = encryptionBit
  }

  /// Bits of an entry that say where it leads.
  public var frameMask: UInt64 { PageTables.addressMask & ~encryptionBit }

  /// Maps one page of 4 KiB, 2 MiB or 1 GiB.
  public func map<Space: FrameSpace>(
    _ virtual: UInt64, to physical: UInt64, size: UInt64 = 4096, flags: UInt64, in space: inout Space
  ) throws(Space.Failure) {
    let leafLevel = size == 4096 ? 1 : size == 2 << 20 ? 2 : 3
    let table = try self.table(for: virtual, above: leafLevel, user: flags & 4 != 0, in: &space)
    let entry = physical | flags | encryptionBit | (leafLevel > 1 ? Flags.pageSize : 0)
    space.memory.store(entry, at: table + index(virtual, leafLevel) * 8)
  }

  /// Maps a run with the largest pages that alignment and `largest` allow.
  public func map<Space: FrameSpace>(
    run virtual: UInt64, to physical: UInt64, count bytes: UInt64, largest: UInt64, flags: UInt64,
    in space: inout Space
  ) throws(Space.Failure) {
    var done: UInt64 = 0
    while done < bytes {
      let place = (virtual + done) | (physical + done)
      var size: UInt64 = 4096
      for candidate in [2 << 20, 1 << 30] as [UInt64]
      where candidate <= largest && place & (candidate - 1) == 0 && bytes - done >= candidate {
        size = candidate
      }
      try map(virtual + done, to: physical + done, size: size, flags: flags, in: &space)
      done += size
    }
  }

  /// Puts any value where the 4 KiB entry of `virtual` stands: a swap entry, or 0 to unmap.
  public func setEntry<Space: FrameSpace>(
    _ entry: UInt64, for virtual: UInt64, in space: inout Space
  ) throws(Space.Failure) {
    let table = try self.table(for: virtual, above: 1, user: true, in: &space)
    space.memory.store(entry, at: table + index(virtual, 1) * 8)
  }

  /// A new root with this one's upper half: what a process' table looks like beside `swapper_pg_dir`.
  public func copyKernelHalf(to other: PageTables, in memory: inout SparseMemory) {
    for place in 256..<512 as Range<UInt64> {
      memory.store(memory.load(root + place * 8), at: other.root + place * 8)
    }
  }

  private func index(_ virtual: UInt64, _ level: Int) -> UInt64 { virtual >> (12 + 9 * UInt64(level - 1)) & 0x1ff }

  private func table<Space: FrameSpace>(
    for virtual: UInt64, above leafLevel: Int, user: Bool, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    var table = root
    var level = levels
    while level > leafLevel {
      let place = table + index(virtual, level) * 8
      var entry = space.memory.load(place)
      if entry == 0 {
        entry = try space.allocatePage() | (user ? Flags.userTable : Flags.kernelTable) | encryptionBit
        space.memory.store(entry, at: place)
      }
      table = entry & frameMask
      level -= 1
    }
    return table
  }
}

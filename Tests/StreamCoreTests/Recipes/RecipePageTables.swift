/// Writes x86-64 page tables, 4 or 5 levels, pages of 4 KiB, 2 MiB and 1 GiB. Source: SDM vol. 3, 4.5.
struct RecipePageTables: Sendable {
  /// Bits of an entry: present, writable, user, accessed, dirty, page size, global, no-execute.
  enum Flags {
    static let kernelTable: UInt64 = 0x63
    static let userTable: UInt64 = 0x67
    static let kernelText: UInt64 = 0x161
    static let kernelData: UInt64 = 0x8000_0000_0000_0163
    static let userData: UInt64 = 0x8000_0000_0000_0067
    static let pageSize: UInt64 = 0x80
  }

  static let addressMask: UInt64 = 0x000f_ffff_ffff_f000

  /// Physical address of the top-level table.
  let root: UInt64
  let levels: Int

  /// Maps one page of 4 KiB, 2 MiB or 1 GiB.
  func map(
    _ virtual: UInt64, to physical: UInt64, size: UInt64 = 4096, flags: UInt64, in space: inout RecipeSpace
  ) throws(RecipeMistake) {
    let leafLevel = size == 4096 ? 1 : size == 2 << 20 ? 2 : 3
    let table = try self.table(for: virtual, above: leafLevel, user: flags & 4 != 0, in: &space)
    let entry = physical | flags | (leafLevel > 1 ? Flags.pageSize : 0)
    space.memory.store(entry, at: table + index(virtual, leafLevel) * 8)
  }

  /// Maps a run with the largest pages that alignment and `largest` allow.
  func map(
    run virtual: UInt64, to physical: UInt64, count bytes: UInt64, largest: UInt64, flags: UInt64,
    in space: inout RecipeSpace
  ) throws(RecipeMistake) {
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
  func setEntry(_ entry: UInt64, for virtual: UInt64, in space: inout RecipeSpace) throws(RecipeMistake) {
    let table = try self.table(for: virtual, above: 1, user: true, in: &space)
    space.memory.store(entry, at: table + index(virtual, 1) * 8)
  }

  /// A new root with this one's upper half: what a process' table looks like beside `swapper_pg_dir`.
  func copyKernelHalf(to other: RecipePageTables, in space: inout RecipeSpace) {
    for place in 256..<512 as Range<UInt64> {
      space.memory.store(space.memory.load(root + place * 8), at: other.root + place * 8)
    }
  }

  private func index(_ virtual: UInt64, _ level: Int) -> UInt64 { virtual >> (12 + 9 * UInt64(level - 1)) & 0x1ff }

  private func table(
    for virtual: UInt64, above leafLevel: Int, user: Bool, in space: inout RecipeSpace
  ) throws(RecipeMistake) -> UInt64 {
    var table = root
    var level = levels
    while level > leafLevel {
      let place = table + index(virtual, level) * 8
      var entry = space.memory.load(place)
      if entry == 0 {
        entry = try space.allocatePage() | (user ? Flags.userTable : Flags.kernelTable)
        space.memory.store(entry, at: place)
      }
      table = entry & RecipePageTables.addressMask
      level -= 1
    }
    return table
  }
}

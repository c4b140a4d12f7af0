import HostModel

/// The pages of the VMMs' page tables that map guests' memory, made when their turn comes in the file. A guest's memory
/// is one run of host-virtual addresses, without the hole that guest-physical addresses have.
struct ProcessPages: Sendable {
  /// Where each VMM has its guest's memory: the entry of its root that leads there.
  static let start: UInt64 = 0x7f00_0000_0000
  static let rootEntry: UInt64 = start >> 39 & 511

  let geometry: Geometry

  /// The entry of the root for the table of the third level.
  func link(_ guest: Geometry.Guest) -> UInt64 { link(guest, 0) }

  /// Below the hole, and above it.
  func slots(_ guest: Geometry.Guest) -> [KVMMemslots.Slot] {
    var next = ProcessPages.start
    return guest.ram.enumerated().map { number, run in
      let slot = KVMMemslots.Slot(gfn: run.lowerBound, pages: UInt64(run.count), hva: next, id: UInt16(number))
      next += UInt64(run.count) << 12
      return slot
    }
  }

  /// Fills `words` with a guest's table, counted from the third level's.
  func fill(_ words: inout [UInt64], table: UInt64, of guest: Geometry.Guest) {
    let leaf = PageTables.Flags.userData
    if table == 0 {
      for directory in 0..<guest.processDirectories { words[Int(directory)] = link(guest, 1 + directory) }
    } else if table <= guest.processDirectories {
      let first = (table - 1) * 512
      for block in first..<min(first + 512, guest.blocks) {
        words[Int(block - first)] =
          guest.isShuffled
          ? link(guest, 1 + guest.processDirectories + block)
          : leaf | PageTables.Flags.pageSize | geometry.frame(guest, block: block, page: 0) << 12
      }
    } else {
      let block = table - 1 - guest.processDirectories
      for page in 0..<512 as Range<UInt64> {
        words[Int(page)] = leaf | geometry.frame(guest, block: block, page: page) << 12
      }
    }
  }

  private func link(_ guest: Geometry.Guest, _ table: UInt64) -> UInt64 {
    geometry.frame(table: guest.eptTables + table, of: guest) << 12 | PageTables.Flags.userTable
  }
}

/// Finds the base of the kernel's direct map: the 1 GiB aligned difference between virtual and physical addresses that
/// the kernel half keeps from physical 0 upward. Source: Documentation/kvm.md §2.1 (c); KASLR moves the base in steps
/// of 1 GiB (arch/x86/mm/kaslr.c), with 4 levels and with 5.
enum DirectMap {
  /// Third-level entries looked at, at most: the direct map of 64 TiB in pages of 1 GiB has 65,536.
  static let entryLimit = 1 << 17

  /// - Parameter known: a physical address of RAM that the direct map must show, such as the top-level table's own.
  static func base(mapping known: UInt64, tables: X86PageTables, root: Page, levels: Int) -> UInt64? {
    var search = Search(known: known, tables: tables)
    search.table(root, level: levels, base: ~0 << (levels == 5 ? 57 : 48), indexes: 256..<512)
    return search.base ?? search.first
  }

  private struct Search {
    let known: UInt64
    let tables: X86PageTables
    /// The first that maps physical 0, as the direct map always does; an ioremap of a large device that looks like it
    /// would not.
    private(set) var base: UInt64?
    private(set) var first: UInt64?
    private var left = DirectMap.entryLimit

    init(known: UInt64, tables: X86PageTables) {
      self.known = known
      self.tables = tables
    }

    /// Goes down to the third level (1 GiB an entry), in ascending order of virtual addresses, until the base is found:
    /// behind the direct map stand the tables of all of vmalloc's area.
    mutating func table(_ page: Page, level: Int, base: UInt64, indexes: Range<Int>) {
      for index in indexes where page.entry(index) & 1 == 1 && left > 0 && self.base == nil {
        left -= 1
        let start = base | UInt64(index) << (12 + 9 * UInt64(level - 1))
        if level == 3 {
          probe(start, page.entry(index))
        } else if let next = tables.memory.page((page.entry(index) & tables.frameMask) >> 12).page, !next.isZero {
          // The kernel sets up empty tables for all of its vmalloc area.
          table(next, level: level - 1, base: start, indexes: 0..<512)
        }
      }
    }

    /// - Parameter entry: the third-level entry, present, for the 1 GiB from `start` on.
    private mutating func probe(_ start: UInt64, _ entry: UInt64) {
      let address = start | known & (1 << 30 - 1)
      let base = address &- known
      guard address < VirtualAddress.kernelTextBase, base >> 63 == 1, leads(entry, from: address) else { return }
      first = first ?? base
      if tables.translate(VirtualAddress(rawValue: base)) == 0 { self.base = base }
    }

    private func leads(_ entry: UInt64, from address: UInt64) -> Bool {
      if let size = X86PageTables.leafSize(entry, 3) {
        return (entry & tables.frameMask & ~(size - 1)) | (address & (size - 1)) == known
      }
      let table = entry & tables.frameMask
      guard case .mapped(let physical, _, _) = tables.lookup(VirtualAddress(rawValue: address), in: table, level: 2)
      else { return false }
      return physical == known
    }
  }
}

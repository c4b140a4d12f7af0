/// An entry of a process' page tables, as Linux on x86-64 reads it: more is mapped than the processor's present bit says,
/// and what is not present can say where the page is.
///
/// Source: arch/x86/include/asm/pgtable.h (pte_present, pmd_present), pgtable-invert.h, pgtable_64.h (swap entries);
/// Documentation/kvm.md §9.
enum LinuxPageEntry: Sendable, Equatable {
  case none
  case table(frame: UInt64)
  /// So many 4 KiB frames.
  case leaf(frame: UInt64, count: UInt64)
  /// The kind of swap entry and what stands in its offset.
  case swap(type: Int, offset: UInt64)

  /// Entry bits: PROT_NONE, which is the global bit where the present bit is clear; page size.
  private static let protectionNone: UInt64 = 1 << 8

  /// - Parameters:
  ///   - level: of the table that holds it: 5 or 4 at the root, 1 for the last.
  ///   - frameMask: bits that say where it leads.
  init(_ value: UInt64, level: Int, frameMask: UInt64 = X86PageTables.addressMask) {
    let isLarge = level > 1 && level <= 3 && value & X86PageTables.large != 0
    guard value != 0 else {
      self = .none
      return
    }
    guard value & (X86PageTables.present | Self.protectionNone) != 0 || isLarge else {
      self = .swap(type: Int(value >> 59), offset: (~value << 5) >> 14)
      return
    }
    // Frames of entries that are not present stand inverted, so that no processor speculates on them (L1TF).
    let frames = value & X86PageTables.present != 0 ? value : ~value
    let count: UInt64 = 1 << UInt64(9 * (level - 1))
    if level == 1 || isLarge {
      self = .leaf(frame: (frames & frameMask) >> 12 & ~(count - 1), count: count)
    } else {
      self = .table(frame: (frames & frameMask) >> 12)
    }
  }
}

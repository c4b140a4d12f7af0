/// How the entries of nested page tables are read: x86-64's, all of which grant user access. Source: AMD APM vol. 2,
/// 15.25; KVM mmu/spte.h; Documentation/amd.md §4.
struct NPTFormat: SecondLevelFormat {
  /// The host's memory encryption bit, part of an entry's address; 0 without one.
  let encryptionBit: UInt64

  private static let present: UInt64 = 1
  private static let user: UInt64 = 4
  private static let large: UInt64 = 1 << 7

  func kind(of entry: UInt64, level: Int) -> SecondLevelEntryKind {
    guard entry & Self.present != 0 else { return .empty }
    if isMMIO(entry) { return .mmio }
    guard entry & Self.user != 0 else { return .misconfigured }
    let frame = (entry & X86PageTables.addressMask & ~encryptionBit) >> 12
    let isLarge = entry & Self.large != 0
    guard level == 1 || (level <= 3 && isLarge) else {
      return isLarge ? .misconfigured : .table(frame: frame)
    }
    let count: UInt64 = 1 << UInt64(9 * (level - 1))
    // Bit 12 of a large leaf is its PAT bit.
    let start = level == 1 ? frame : frame & ~1
    guard start & (count - 1) == 0 else { return .misconfigured }
    return .leaf(frame: start, count: count)
  }

  /// KVM marks MMIO by all address bits from the first that the processor lacks up to 51; an encryption bit that is the
  /// highest of them says nothing. Source: kvm_mmu_reset_all_pte_masks, svm_adjust_mmio_mask.
  private func isMMIO(_ entry: UInt64) -> Bool {
    let top: UInt64 = encryptionBit == 1 << 51 ? 1 << 50 : 1 << 51
    return entry & top != 0
  }

  /// NPT always has accessed bits.
  func isAccessTracked(_ entry: UInt64, level: Int) -> Bool { false }
}

/// The nested CR3 of a VMCB, with what the host's paging says of it.
struct NestedCR3: Sendable, Hashable {
  /// As it stands there.
  let rawValue: UInt64
  let table: SecondLevelRootTable
  let encryptionBit: UInt64

  /// - Parameters:
  ///   - levels: of the host's own page tables, which NPT's equal: 4 or 5.
  ///   - encryptionBit: see `NPTFormat`.
  init?(_ rawValue: UInt64, levels: Int, encryptionBit: UInt64) {
    let frame = (rawValue & X86PageTables.addressMask & ~encryptionBit) >> 12
    guard frame != 0, rawValue >> 52 == 0 else { return nil }
    self.rawValue = rawValue
    self.encryptionBit = encryptionBit
    table = SecondLevelRootTable(frame: frame, levels: levels == 5 ? 5 : 4)
  }
}

extension NestedCR3: SecondLevelRoot {
  var rootFrame: UInt64 { table.frame }

  func map(in memory: any PhysicalMemory) -> any SecondLevelTables {
    TableWalk(memory: memory, root: table, format: NPTFormat(encryptionBit: encryptionBit))
  }
}

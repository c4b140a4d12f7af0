/// One entry of an EPT table. Source: SDM vol. 3, 30.3; KVM mmu/spte.h of Linux 4.11 to 6.12; Documentation/vmcs.md §6.
struct EPTEntry: Sendable, Hashable {
  /// Suppress #VE. Entries of Linux 6.11 and later carry it whether present or not.
  private static let suppressVE: UInt64 = 1 << 63
  private static let frameMask: UInt64 = 0x000f_ffff_ffff_f000
  /// KVM's "MMU present".
  private static let mmuPresent: UInt64 = 1 << 11
  /// Where KVM keeps R and X of an entry whose permissions it took away to see the next access.
  private static let savedPermissions: UInt64 = 1 << 54 | 1 << 56
  private static let large: UInt64 = 1 << 7

  /// The entry as it stands in memory, bit 63 cleared.
  let rawValue: UInt64
  /// The level of the table that holds it: 5 or 4 at the root, 1 for the last.
  let level: Int

  init(_ rawValue: UInt64, level: Int) {
    self.rawValue = rawValue & ~Self.suppressVE
    self.level = level
  }

  private var permissions: UInt64 { rawValue & 7 }
  private var isLarge: Bool { rawValue & Self.large != 0 }

  /// A page that is mapped although the entry grants nothing: KVM waits for its next access.
  var isAccessTracked: Bool {
    permissions == 0 && rawValue & Self.mmuPresent != 0 && rawValue & Self.savedPermissions != 0
      && (level == 1 || (level <= 3 && isLarge))
  }

  var kind: SecondLevelEntryKind {
    switch permissions {
    case 0: return isAccessTracked ? leaf : .empty
    case 6: return .mmio
    case 2: return .misconfigured
    default: break
    }
    if level == 1 || (level <= 3 && isLarge) { return leaf }
    // Bits 6:3 of a table entry are reserved, and so is bit 7 at levels 4 and 5.
    guard rawValue & 0xf8 == 0 else { return .misconfigured }
    return .table(frame: (rawValue & Self.frameMask) >> 12)
  }

  private var leaf: SecondLevelEntryKind {
    let count: UInt64 = 1 << UInt64(9 * (level - 1))
    let frame = (rawValue & Self.frameMask) >> 12
    guard frame & (count - 1) == 0 else { return .misconfigured }
    switch rawValue >> 3 & 7 {
    case 2, 3, 7: return .misconfigured
    default: return .leaf(frame: frame, count: count)
    }
  }
}

struct EPTFormat: SecondLevelFormat {
  func kind(of entry: UInt64, level: Int) -> SecondLevelEntryKind { EPTEntry(entry, level: level).kind }

  func isAccessTracked(_ entry: UInt64, level: Int) -> Bool { EPTEntry(entry, level: level).isAccessTracked }
}

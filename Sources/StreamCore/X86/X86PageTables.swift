/// x86-64 page tables in some physical memory: the host's own, or a guest's. Source: SDM vol. 3, 5.5.
struct X86PageTables: Sendable {
  /// Bits 51:12 of an entry. The encryption bit, where a machine has one, lies in there too.
  static let addressMask: UInt64 = 0x000f_ffff_ffff_f000
  /// Entry bits: present, writable, page size. Source: SDM vol. 3, 4.5.
  static let present: UInt64 = 1
  static let writable: UInt64 = 2
  static let large: UInt64 = 0x80

  let memory: any PhysicalMemory
  /// Physical address of the top table, low 12 bits clear.
  let root: UInt64
  /// 4, or 5 with CR4.LA57.
  let levels: Int
  /// Bits of an entry that say where it leads.
  let frameMask: UInt64

  /// - Parameters:
  ///   - root: as CR3 holds it; bits 11:0 and 63:52 are ignored.
  ///   - levels: 4 or 5; anything else is taken for 4.
  ///   - encryptionBit: of entries and of `root`, no part of an address: AMD's C-bit. 0 without one.
  init(memory: any PhysicalMemory, root: UInt64, levels: Int, encryptionBit: UInt64 = 0) {
    self.memory = memory
    frameMask = Self.addressMask & ~encryptionBit
    self.root = root & frameMask
    self.levels = levels == 5 ? 5 : 4
  }

  /// Where a virtual address leads.
  enum Lookup: Sendable, Equatable {
    /// A physical address inside a leaf of `size` bytes (4 KiB, 2 MiB, 1 GiB), with the leaf's entry.
    case mapped(physical: UInt64, size: UInt64, entry: UInt64)
    /// The entry at `level` (1 is the last) is not present. At level 1 the system may keep a swap entry in it.
    case notPresent(entry: UInt64, level: Int)
    /// The memory does not hold the table.
    case missingTable(frame: UInt64, level: Int)
    /// No address of this paging mode.
    case notCanonical
  }

  func lookup(_ address: VirtualAddress) -> Lookup {
    guard address.isCanonical(levels: levels) else { return .notCanonical }
    return lookup(address, in: root, level: levels)
  }

  /// Where the table at the physical address `table`, of this level, leads for an address.
  func lookup(_ address: VirtualAddress, in table: UInt64, level: Int) -> Lookup {
    var table = table
    for level in stride(from: level, through: 1, by: -1) {
      guard let page = memory.page(table >> 12).page else { return .missingTable(frame: table >> 12, level: level) }
      let entry = page.entry(Self.index(address.rawValue, level))
      guard entry & Self.present != 0 else { return .notPresent(entry: entry, level: level) }
      if let size = Self.leafSize(entry, level) {
        let physical = (entry & frameMask & ~(size - 1)) | (address.rawValue & (size - 1))
        return .mapped(physical: physical, size: size, entry: entry)
      }
      table = entry & frameMask
    }
    return .notCanonical
  }

  /// The physical address, `nil` when the address is not mapped, not canonical, or a table is missing.
  func translate(_ address: VirtualAddress) -> UInt64? {
    guard case .mapped(let physical, _, _) = lookup(address) else { return nil }
    return physical
  }

  /// Entry of a table at `level` for an address.
  static func index(_ address: UInt64, _ level: Int) -> Int {
    Int(address >> UInt64(12 + 9 * (level - 1)) & 0x1ff)
  }

  /// Bytes of the leaf that a present entry is, `nil` when it names a table. Bit 7 at levels 4 and 5 is reserved; an
  /// entry with it set faults, and is followed here as the table that it is otherwise.
  static func leafSize(_ entry: UInt64, _ level: Int) -> UInt64? {
    switch level {
    case 1: 4096
    case 2 where entry & large != 0: 2 << 20
    case 3 where entry & large != 0: 1 << 30
    default: nil
    }
  }
}

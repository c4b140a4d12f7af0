/// The few pages that a kernel or a guest's kernel wrote itself: frame → 512 words, and where the next free one is.
struct KernelMemory: Sendable {
  private(set) var pages: [UInt64: [UInt64]] = [:]
  private var free: Range<UInt64>

  /// - Parameter free: the frames that `allocate` may hand out.
  init(free: Range<UInt64>) { self.free = free }

  /// The first of `count` fresh neighbouring frames.
  mutating func allocate(_ count: UInt64 = 1, alignment: UInt64 = 1) throws(NoRoom) -> UInt64 {
    let start = (free.lowerBound + alignment - 1) / alignment * alignment
    guard start + count <= free.upperBound else { throw NoRoom(what: "the kernel's structures") }
    free = start + count..<free.upperBound
    return start
  }

  mutating func allocatePage() throws(NoRoom) -> UInt64 { try allocate() << 12 }

  func load(_ address: UInt64) -> UInt64 { pages[address >> 12]?[Int(address & 0xfff) / 8] ?? 0 }

  /// Stores the low `width` bytes of `value`, aligned or not, within one page or across two.
  mutating func store(_ value: UInt64, at address: UInt64, width: Int = 8) {
    if width == 8 && address & 7 == 0 {
      pages[address >> 12, default: Self.zero][Int(address & 0xfff) / 8] = value
      return
    }
    for index in 0..<UInt64(width) {
      storeByte(UInt8(truncatingIfNeeded: value >> (8 * index)), at: address + index)
    }
  }

  mutating func write(_ bytes: some Sequence<UInt8>, at address: UInt64) {
    for (index, byte) in bytes.enumerated() { storeByte(byte, at: address + UInt64(index)) }
  }

  mutating func fill(_ words: [UInt64], frame: UInt64) { pages[frame] = words }

  private mutating func storeByte(_ byte: UInt8, at address: UInt64) {
    let shift = (address & 7) * 8
    let place = Int(address & 0xfff) / 8
    let word = pages[address >> 12]?[place] ?? 0
    pages[address >> 12, default: Self.zero][place] = word & ~(0xff << shift) | UInt64(byte) << shift
  }

  static let zero = [UInt64](repeating: 0, count: 512)
}

/// x86-64 page tables of four levels in a `KernelMemory`. Source: SDM vol. 3, 4.5.
struct PageTables: Sendable {
  static let kernelTable: UInt64 = 0x63
  static let userTable: UInt64 = 0x67
  static let text: UInt64 = 0x161
  static let data: UInt64 = 0x8000_0000_0000_0163
  static let user: UInt64 = 0x8000_0000_0000_0067

  /// Physical address of the top-level table.
  let root: UInt64

  /// Maps a page of 4 KiB (level 1), 2 MiB (2) or 1 GiB (3).
  func map(
    _ virtual: UInt64, to physical: UInt64, level: UInt64 = 1, flags: UInt64, in memory: inout KernelMemory
  ) throws(NoRoom) {
    var table = root
    for at in stride(from: 4 as UInt64, to: level, by: -1) {
      let place = table + (virtual >> (3 + 9 * at) & 0x1ff) * 8
      var entry = memory.load(place)
      if entry == 0 {
        entry = try memory.allocatePage() | (flags & 4 != 0 ? Self.userTable : Self.kernelTable)
        memory.store(entry, at: place)
      }
      table = entry & 0x000f_ffff_ffff_f000
    }
    memory.store(physical | flags | (level > 1 ? 0x80 : 0), at: table + (virtual >> (3 + 9 * level) & 0x1ff) * 8)
  }
}

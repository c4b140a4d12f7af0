/// Entries of a process' page tables without the present bit. Source: arch/x86/include/asm/pgtable_64.h, pgtable-invert.h;
/// include/linux/swap.h of the releases.
public enum ProcessEntry {
  /// Numbers of swap types that stand for something else, where all of them are built in.
  public struct Types: Sendable {
    public let hwpoison: UInt64
    /// Of pages that may be written.
    public let migration: UInt64
    public let device: UInt64
    public let marker: UInt64?
  }

  public static func types(of shape: KVMShape) -> Types {
    switch shape.name {
    // One, two and two types below 32.
    case "4.18", "5.10": Types(hwpoison: 27, migration: 29, device: 30, marker: nil)
    // Exclusive access of devices has two more.
    case "5.14": Types(hwpoison: 25, migration: 27, device: 28, marker: nil)
    // Migration has three, and markers one.
    case "7.3": Types(hwpoison: 24, migration: 27, device: 29, marker: 31)
    default: Types(hwpoison: 23, migration: 26, device: 28, marker: 31)
    }
  }

  /// Type in the top 5 bits; the offset, inverted, from bit 9 on.
  public static func swap(type: UInt64, offset: UInt64) -> UInt64 { type << 59 | (~offset << 14) >> 5 }

  /// A frame, inverted, and the bits of a page that nobody may touch: global, user, accessed, dirty.
  public static func protectionNone(_ frame: UInt64) -> UInt64 {
    ~(frame << 12) & PageTables.addressMask | 0x8000_0000_0000_0160
  }
}

@testable import StreamCore
import Testing

@Suite struct NPTTests {
  private static let bit47: UInt64 = 1 << 47
  private static let bit51: UInt64 = 1 << 51

  @Test(arguments: [
    // As found: a table, a 4 KiB leaf, a read-only one, a 2 MiB leaf.
    (UInt64(0x1234_5867), 2, SecondLevelEntryKind.table(frame: 0x12345)),
    (0x1234_5e67, 1, .leaf(frame: 0x12345, count: 1)), (0x1234_5865, 1, .leaf(frame: 0x12345, count: 1)),
    (0x1240_0ee7, 2, .leaf(frame: 0x12400, count: 512)), (0x4000_0ee7, 3, .leaf(frame: 0x40000, count: 262_144)),
    // NX stands above the address.
    (0x8000_0000_1234_5e67, 1, .leaf(frame: 0x12345, count: 1)),
    // The PAT bit: 7 of a 4 KiB leaf, 12 of a large one.
    (0x1234_5ee7, 1, .leaf(frame: 0x12345, count: 1)), (0x1240_1ee7, 2, .leaf(frame: 0x12400, count: 512)),
    // Empty, empty since 6.11, frozen.
    (0, 3, .empty), (0x8000_0000_0000_0000, 1, .empty), (0x5a0, 1, .empty),
    // MMIO with 48 address bits, and with 51.
    (0x000f_0000_fee0_0007, 1, .mmio), (0x0008_0000_fee0_0007, 1, .mmio),
    // No user access; a large leaf at level 4; address bits below a large leaf's size.
    (0x1234_5863, 2, .misconfigured), (0x1240_0ee7, 4, .misconfigured), (0x1240_2ee7, 2, .misconfigured),
  ])
  func entriesMeanWhatKVMMeans(_ value: UInt64, _ level: Int, _ kind: SecondLevelEntryKind) {
    #expect(NPTFormat(encryptionBit: 0).kind(of: value, level: level) == kind)
  }

  @Test(
    arguments: [
      (bit47, bit47 | 0x1234_5867, 3, SecondLevelEntryKind.table(frame: 0x12345)),
      (bit47, bit47 | 0x1234_5e67, 1, .leaf(frame: 0x12345, count: 1)),
      (bit51, bit51 | 0x1234_5e67, 1, .leaf(frame: 0x12345, count: 1)),
      // MMIO on a host whose encryption takes five address bits of 48: 43 to 51.
      (bit47, 0x000f_f800_fee0_0007, 1, .mmio), (bit51, 0x000f_f800_fee0_0007, 1, .mmio),
    ] as [(UInt64, UInt64, Int, SecondLevelEntryKind)])
  func theEncryptionBitIsNoAddress(_ bit: UInt64, _ value: UInt64, _ level: Int, _ kind: SecondLevelEntryKind) {
    #expect(NPTFormat(encryptionBit: bit).kind(of: value, level: level) == kind)
  }

  @Test func theRootIsAPageOfTheHost() {
    let root = NestedCR3(Self.bit47 | 0x4_0000, levels: 5, encryptionBit: Self.bit47)
    #expect(root?.rootFrame == 0x40)
    #expect(root?.table.levels == 5)
    #expect(NestedCR3(0, levels: 4, encryptionBit: 0) == nil)
    #expect(NestedCR3(Self.bit47, levels: 4, encryptionBit: Self.bit47) == nil)
  }
}

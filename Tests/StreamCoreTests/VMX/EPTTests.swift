@testable import StreamCore
import Testing

@Suite struct EPTPointerTests {
  @Test(arguments: [(UInt64(0x4005e), 4), (0x4001e, 4), (0x40066, 5), (0x40058, 4), (0x400de, 4)])
  func validPointersAreTaken(_ value: UInt64, _ levels: Int) throws {
    let pointer = try EPTPointer(value)
    #expect(pointer.levels == levels)
    #expect(pointer.rootFrame == 0x40)
  }

  @Test(arguments: [
    (UInt64(0x4005d), EPTPointer.Fault.memoryType(5)), (0x40056, .walkLength(2)), (0x4006e, .walkLength(5)),
    (0x4015e, .reserved(0x100)), (0x8000_0000_0004_005e, .reserved(1 << 63)), (0x5e, .noRoot), (0, .walkLength(0)),
  ])
  func faultsAreNamed(_ value: UInt64, _ fault: EPTPointer.Fault) {
    #expect(throws: fault) { try EPTPointer(value) }
  }
}

@Suite struct EPTEntryTests {
  @Test(arguments: [
    // Real entries: a table, a 4 KiB and a 2 MiB leaf, a read-only KSM page.
    (UInt64(0x1234_5907), 2, SecondLevelEntryKind.table(frame: 0x12345)),
    (0x0600_0000_1234_5b77, 1, .leaf(frame: 0x12345, count: 1)),
    (0x0600_0000_1240_0bf7, 2, .leaf(frame: 0x12400, count: 512)),
    (0x0600_0000_4000_0bf7, 3, .leaf(frame: 0x40000, count: 262_144)),
    (0x1234_5975, 1, .leaf(frame: 0x12345, count: 1)),
    // Bit 63 of 6.12: empty, table, leaf, MMIO.
    (0x8000_0000_0000_0000, 4, .empty), (0x8000_0000_1234_5907, 3, .table(frame: 0x12345)),
    (0x8600_0000_1234_5b77, 1, .leaf(frame: 0x12345, count: 1)), (0x8000_0000_fec0_02b6, 1, .mmio),
    // MMIO of 6.1, as found.
    (0xf8_0fec_002b6, 1, .mmio),
    // Frozen entries of 6.1 and 6.12.
    (0x5a0, 1, .empty), (0x8000_0000_0000_05a0, 2, .empty),
    // Write without read.
    (0x1234_5b72, 1, .misconfigured),
    // Memory types 2, 3, 7.
    (0x1234_5b57, 1, .misconfigured), (0x1234_5b5f, 1, .misconfigured), (0x1234_5b7f, 1, .misconfigured),
    // Frame bits below the size of a large leaf.
    (0x1234_5bf7, 2, .misconfigured), (0x1240_0bf7, 3, .misconfigured),
    // Reserved bits of a table entry; bit 7 at levels 4 and 5.
    (0x1234_590f, 3, .misconfigured), (0x1234_5987, 4, .misconfigured), (0x1234_5987, 5, .misconfigured),
    // Access-tracked: R and X saved, W gone.
    (0x0150_0000_1234_5b70 & ~0x200, 1, .leaf(frame: 0x12345, count: 1)),
    (0x0050_0000_1240_09f0, 2, .leaf(frame: 0x12400, count: 512)),
    // The same without "MMU present", without saved bits, or at a level that has no leaves.
    (0x0150_0000_1234_5170, 1, .empty), (0x0010_0000_1234_5970, 1, .empty), (0x0150_0000_1234_5970, 2, .empty),
  ])
  func entriesMeanWhatKVMMeans(_ value: UInt64, _ level: Int, _ kind: SecondLevelEntryKind) {
    #expect(EPTEntry(value, level: level).kind == kind)
  }
}

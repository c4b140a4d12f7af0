@testable import StreamCore
import Testing

@Suite struct X86PageTablesTests {
  private static let flags: UInt64 = 0x63

  /// Tables from the root at frame 0x10 down; the entry indexes of one address, top level first.
  private func tables(_ indexes: [Int], leaf: UInt64) -> VMXMemory {
    var memory = VMXMemory()
    for (depth, index) in indexes.enumerated() {
      let frame = 0x10 + UInt64(depth)
      memory.table(frame)
      memory[frame, index] = depth == indexes.count - 1 ? leaf : (frame + 1) << 12 | Self.flags
    }
    return memory
  }

  private func address(_ indexes: [UInt64], _ offset: UInt64) -> VirtualAddress {
    // The last index is that of the last level, whatever the size of the leaf.
    VirtualAddress(rawValue: indexes.reduce(0) { $0 << 9 | $1 } << 12 | offset)
  }

  private let root: UInt64 = 0x8000_0000_0001_0fff

  @Test func fourLevelsLeadToAPage() {
    let memory = tables([1, 2, 3, 4], leaf: 0x8000_0000_1234_5163)
    let tables = X86PageTables(memory: memory, root: root, levels: 4)
    #expect(tables.root == 0x10000)
    #expect(tables.translate(address([1, 2, 3, 4], 0x89)) == 0x1234_5089)
    #expect(tables.lookup(address([1, 2, 3, 5], 0)) == .notPresent(entry: 0, level: 1))
    #expect(tables.lookup(address([1, 2, 4, 4], 0)) == .notPresent(entry: 0, level: 2))
  }

  @Test func fiveLevelsLeadToAPage() {
    let memory = tables([5, 1, 2, 3, 4], leaf: 0x1234_5163)
    let tables = X86PageTables(memory: memory, root: root, levels: 5)
    #expect(tables.translate(address([5, 1, 2, 3, 4], 1)) == 0x1234_5001)
  }

  @Test func upperHalfAddressesAreSignExtended() {
    let memory = tables([511, 510, 3, 4], leaf: 0x1234_5163)
    let tables = X86PageTables(memory: memory, root: root, levels: 4)
    let low = address([511, 510, 3, 4], 0).rawValue
    #expect(tables.translate(VirtualAddress(rawValue: low | 0xffff_0000_0000_0000)) == 0x1234_5000)
    #expect(tables.translate(VirtualAddress(rawValue: low)) == nil)
    #expect(tables.lookup(VirtualAddress(rawValue: low)) == .notCanonical)
  }

  @Test func largeLeavesKeepTheirOffset() {
    let two = X86PageTables(memory: tables([1, 2, 3], leaf: 0x1240_01e3), root: root, levels: 4)
    #expect(two.translate(address([1, 2, 3, 0x1ff], 0xabc)) == 0x125f_fabc)
    let one = X86PageTables(memory: tables([1, 2], leaf: 0x8000_01e3), root: root, levels: 4)
    #expect(one.translate(address([1, 2, 0x1ff, 0x1ff], 0xabc)) == 0xbfff_fabc)
    // Bit 12 of a large leaf is its PAT bit, not an address bit.
    let pat = X86PageTables(memory: tables([1, 2, 3], leaf: 0x1240_11e3), root: root, levels: 4)
    #expect(pat.translate(address([1, 2, 3, 0], 0)) == 0x1240_0000)
  }

  @Test func aMissingTableIsNamed() {
    var memory = tables([1, 2, 3, 4], leaf: 0x1234_5163)
    memory.remove(0x12)
    let tables = X86PageTables(memory: memory, root: root, levels: 4)
    #expect(tables.lookup(address([1, 2, 3, 4], 0)) == .missingTable(frame: 0x12, level: 2))
    #expect(tables.translate(address([1, 2, 3, 4], 0)) == nil)
  }

  private func mappings(
    _ memory: VMXMemory, _ range: ClosedRange<UInt64>, levels: Int = 4, limit: Int = 1000
  ) -> (all: [X86Mapping], whole: Bool) {
    var all: [X86Mapping] = []
    let tables = X86PageTables(memory: memory, root: root, levels: levels)
    let whole = tables.forEachMapping(in: range, tableLimit: limit) { all.append($0) }
    return (all, whole)
  }

  @Test func aRangeGivesMergedRunsAndSwapEntries() {
    var memory = tables([0, 0, 1, 0], leaf: 0x10_0063)
    memory[0x13, 1] = 0x10_1063
    memory[0x13, 2] = 0x30_0063
    memory[0x13, 4] = 0xdead_0000
    memory[0x12, 2] = 0x40_00e3
    let found = mappings(memory, 0...0xffff_ffff)
    #expect(found.whole)
    #expect(
      found.all == [
        .run(VirtualAddress(rawValue: 0x20_0000), physical: 0x10_0000, byteCount: 0x2000),
        .run(VirtualAddress(rawValue: 0x20_2000), physical: 0x30_0000, byteCount: 0x1000),
        .notPresent(VirtualAddress(rawValue: 0x20_4000), entry: 0xdead_0000),
        .run(VirtualAddress(rawValue: 0x40_0000), physical: 0x40_0000, byteCount: 0x20_0000),
      ])
  }

  @Test func leavesAreCutToTheRange() {
    let memory = tables([0, 0, 1], leaf: 0x40_00e3)
    let found = mappings(memory, 0x20_1000...0x20_2fff)
    #expect(found.all == [.run(VirtualAddress(rawValue: 0x20_1000), physical: 0x40_1000, byteCount: 0x2000)])
  }

  @Test func theLastPageOfTheAddressSpaceIsReached() {
    for levels in [4, 5] {
      let memory = tables(Array(repeating: 511, count: levels), leaf: 0x1234_5063)
      let found = mappings(memory, 0xffff_ffff_0000_0000...UInt64.max, levels: levels)
      let last = VirtualAddress(rawValue: 0xffff_ffff_ffff_f000)
      #expect(found.all == [.run(last, physical: 0x1234_5000, byteCount: 0x1000)])
      #expect(found.whole)
    }
  }

  @Test func aMissingTableOfARangeIsReported() {
    var memory = tables([0, 0, 1, 0], leaf: 0x10_0063)
    memory.remove(0x13)
    let found = mappings(memory, 0...UInt64.max)
    #expect(found.all == [.missingTable(VirtualAddress(rawValue: 0x20_0000), level: 1, frame: 0x13)])
  }

  @Test func tablesThatNameEachOtherEndAtTheLimit() {
    var memory = VMXMemory()
    for index in 0..<512 { memory[0x10, index] = 0x1_0063 }
    let found = mappings(memory, 0...UInt64.max, limit: 600)
    #expect(!found.whole)
    #expect(found.all.count <= 600 * 512)
  }
}

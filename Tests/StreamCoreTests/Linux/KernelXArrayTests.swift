import HostModel
import Testing

@testable import StreamCore

@Suite struct KernelXArrayTests {
  typealias Entry = KernelXArray.Entry

  private static let array = KernelSpace.address(0)

  /// Writes a node at a page.
  private static func node(
    _ page: UInt64, shift: UInt64, offset: UInt64 = 0, parent: UInt64? = nil, _ slots: [Int: UInt64],
    in space: inout KernelSpace
  ) -> UInt64 {
    let at = page << 12
    space.store(shift | offset << 8, at: at)
    space.store(parent.map { KernelSpace.address($0 << 12).rawValue } ?? 0, at: at + 8)
    space.store(array.rawValue, at: at + 16)
    for slot in 0..<64 { space.store(slots[slot] ?? 0, at: at + 40 + UInt64(slot) * 8) }
    return KernelSpace.address(at).rawValue | 2
  }

  private static func object(_ number: UInt64) -> UInt64 { KernelSpace.address(0x10_0000 + number << 8).rawValue }

  private static func pointer(_ index: UInt64, _ number: UInt64, count: UInt64 = 1) -> Entry {
    Entry(index: index, count: count, value: .pointer(VirtualAddress(rawValue: object(number))))
  }

  private static func walk(_ space: KernelSpace, _ head: UInt64, limit: Int = 1000) throws -> KernelXArray {
    KernelXArray(array, head: head, kernel: try space.kernel(), limit: limit)
  }

  @Test func `nothing, one entry, and a value are told without a node`() throws {
    let space = KernelSpace()
    #expect(try Self.walk(space, 0).entries.isEmpty)
    #expect(try Self.walk(space, Self.object(1)).entries == [Self.pointer(0, 1)])
    #expect(try Self.walk(space, 5 << 1 | 1).entries == [Entry(index: 0, count: 1, value: .value(5))])
    // Retry, zero, and an error.
    for entry in [0x402, 0x406, 0 &- 14] as [UInt64] { #expect(try Self.walk(space, entry).entries.isEmpty) }
  }

  @Test func `entries of several levels are in order, and what is no entry is skipped`() throws {
    var space = KernelSpace()
    let low = Self.node(
      2, shift: 0, parent: 1, [0: Self.object(1), 1: 0x402, 2: 0x406, 3: 9, 63: Self.object(2)], in: &space)
    let high = Self.node(3, shift: 0, offset: 5, parent: 1, [4: Self.object(3)], in: &space)
    // A large entry with two siblings.
    let head = Self.node(
      1, shift: 6, [0: low, 5: high, 8: Self.object(4), 9: 8 << 2 | 2, 10: 8 << 2 | 2], in: &space)
    let found = try Self.walk(space, head)
    #expect(found.gaps.isEmpty)
    #expect(
      found.entries == [
        Self.pointer(0, 1), Entry(index: 3, count: 1, value: .value(4)), Self.pointer(63, 2), Self.pointer(324, 3),
        Self.pointer(512, 4, count: 192),
      ])
    // A part of it, from within a large entry on.
    let part = KernelXArray(Self.array, head: head, kernel: try space.kernel(), indexes: 320...600)
    #expect(part.entries == [Self.pointer(324, 3), Self.pointer(512, 4, count: 128)])
    let within = KernelXArray(Self.array, head: head, kernel: try space.kernel(), indexes: 600...700)
    #expect(within.entries == [Self.pointer(512, 4, count: 192)])
    #expect(try Self.walk(space, head, limit: 2).gaps.map(\.reason) == [.limit])
    #expect(try Self.walk(space, head, limit: 2).entries.count == 2)
  }

  @Test func `a node that is not there or does not prove right is a gap, and the rest is read`() throws {
    var space = KernelSpace()
    let low = Self.node(2, shift: 0, parent: 1, [0: Self.object(1)], in: &space)
    let high = Self.node(3, shift: 0, offset: 1, parent: 1, [0: Self.object(2)], in: &space)
    let head = Self.node(1, shift: 6, [0: low, 1: high], in: &space)
    var torn = space
    torn.cut(pageAt: 2 << 12)
    let found = try Self.walk(torn, head)
    #expect(found.entries == [Self.pointer(64, 2)])
    #expect(found.gaps == [.init(index: 0, reason: .unreadable(.absent(KernelSpace.address(2 << 12))))])
    // The level, the place in the parent, the parent, the array.
    for (at, value) in [(0, 6), (0, 0x200), (8, 0), (16, 0)] as [(UInt64, UInt64)] {
      var wrong = space
      wrong.store(value, at: 2 << 12 + at)
      #expect(try Self.walk(wrong, head).gaps == [.init(index: 0, reason: .noNode(low - 2))])
    }
    #expect(try Self.walk(space, 0x1234_5002).gaps.map(\.reason) == [.noNode(0x1234_5000)])
  }

  @Test func `circles and random nodes end`() throws {
    var space = KernelSpace()
    let own = KernelSpace.address(1 << 12).rawValue | 2
    let head = Self.node(1, shift: 60, Dictionary(uniqueKeysWithValues: (0..<64).map { ($0, own) }), in: &space)
    #expect(try Self.walk(space, head).entries.isEmpty)
    var random = SplitMix64(seed: 4)
    for _ in 0..<2000 {
      var space = KernelSpace()
      var head: UInt64 = 0
      for page in (1...4 as ClosedRange<UInt64>).reversed() {
        var slots: [Int: UInt64] = [:]
        for _ in 0..<4 {
          let target = KernelSpace.address((1 + random.below(4)) << 12).rawValue | 2
          slots[Int(random.below(64))] = random.below(2) == 0 ? target : random.next()
        }
        head = Self.node(
          page, shift: random.below(11) * 6, offset: random.below(3), parent: page == 1 ? nil : page - 1, slots,
          in: &space)
      }
      let found = try Self.walk(space, head, limit: 300)
      #expect(found.entries.count <= 300 && found.gaps.count <= 300 * 64)
    }
  }
}

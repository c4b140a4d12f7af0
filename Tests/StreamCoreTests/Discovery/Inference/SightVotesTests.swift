import Testing

@testable import StreamCore

/// Places by tests over guests' memory: CR3 by its page tables, RIP with its neighbours by what these map.
struct SightVotesTests {
  /// A guest of a few pages: a top-level table at `root`, and below it one page of 1 GiB.
  private struct Guest: GuestPages {
    var pages: [UInt64: Page] = [:]
    var lost: Set<UInt64> = []

    init(roots: [UInt64], isExecutable: Bool = true) {
      for root in roots {
        pages[root] = Self.table([0: (root + 1) << 12 | 7])
        pages[root + 1] = Self.table([0: 0x87 | 1 << 30 | (isExecutable ? 0 : 1 << 63)])
      }
    }

    static func table(_ entries: [Int: UInt64]) -> Page {
      var bytes = [UInt8](repeating: 0, count: 4096)
      for (index, entry) in entries { bytes.store(entry, at: index * 8) }
      return Page(bytes) ?? .zero
    }

    func has(_ frame: UInt64) -> Bool { frame < 1 << 20 }
    func look(_ frame: UInt64) -> GuestPage {
      if lost.contains(frame) { return .unknown }
      return has(frame) ? .page(pages[frame] ?? .zero) : .none
    }
  }

  private static let roots: [UInt64] = [0x1234, 0x2345, 0x3456]

  /// Regions of one VM each.
  private static func regions(
    _ words: [[Int: UInt64]], _ change: (Int, inout Guest) -> Void = { _, _ in }
  ) -> [RegionClues] {
    words.enumerated().map { index, words in
      var bytes = [UInt8](repeating: 0, count: 4096)
      bytes.store(UInt32(0x19), at: 0)
      for (offset, word) in words { bytes.store(word, at: offset) }
      var clues = RegionClues(
        address: HPA(frame: UInt64(index + 1)), page: Page(bytes) ?? .zero, vm: VirtualAddress(rawValue: UInt64(index)))
      var guest = Guest(roots: [roots[index], roots[index] + 0x100])
      change(index, &guest)
      clues.guest = GuestSight(pages: guest, levels: 4)
      return clues
    }
  }

  private static func outcome(_ field: VMCSField, _ regions: [RegionClues]) -> FieldOutcome? {
    LayoutInference(regions).fields.first { $0.field == field }?.outcome
  }

  private static func tables(_ count: Int, at offset: Int = 0x200) -> [[Int: UInt64]] {
    (0..<count).map { [offset: roots[$0] << 12 | 6] }
  }

  @Test func pageTablesOfTwoVMsSettleCR3() {
    #expect(Self.outcome(.GUEST_CR3, Self.regions(Self.tables(2))) == .sure(.init(offset: 0x200, width: 8)))
    #expect(Self.outcome(.GUEST_CR3, Self.regions(Self.tables(1))) == .open([]))
  }

  /// A guest whose tables are gone, or no tables, takes the place away; one whose memory the dump lacks has no say, and
  /// then nothing is settled.
  @Test func oneThatFailsTakesThePlaceAwayAndOneThatIsLostSettlesNothing() {
    let empty = Self.regions(Self.tables(3)) { index, guest in if index == 1 { guest.pages = [:] } }
    #expect(Self.outcome(.GUEST_CR3, empty) == .notThere)
    let large = Self.regions(Self.tables(3)) { index, guest in
      if index == 1 { guest.pages[Self.roots[1]] = Guest.table([0: 0x1234_5000 | 0x87]) }
    }
    #expect(Self.outcome(.GUEST_CR3, large) == .notThere)
    let lost = Self.regions(Self.tables(3)) { index, guest in if index == 1 { guest.lost = [Self.roots[1]] } }
    #expect(Self.outcome(.GUEST_CR3, lost) == .notThere)
  }

  /// Guests that keep other tables in a register of theirs make a second place: none of the two is sure.
  @Test func aLookAlikeMakesNothingSure() {
    let words = (0..<3).map { [0x200: Self.roots[$0] << 12, 0x300: (Self.roots[$0] + 0x100) << 12] }
    let inference = LayoutInference(Self.regions(words))
    #expect(inference.fields.first { $0.field == .GUEST_CR3 }?.outcome == .open([0x200, 0x300]))
    #expect(inference.values[HPA(frame: 1)]?[.GUEST_CR3] == nil)
  }

  /// One value in all VMs is a constant.
  @Test func oneValueOfAllSettlesNothing() {
    let words = (0..<3).map { _ in [0x200: Self.roots[0] << 12] }
    let regions = Self.regions(words) { _, guest in guest = Guest(roots: [Self.roots[0]]) }
    #expect(Self.outcome(.GUEST_CR3, regions) == .notThere)
  }

  private static func stacks(flags: [UInt64], rip: UInt64 = 0x20_0000) -> [[Int: UInt64]] {
    (0..<3).map {
      [
        0x200: roots[$0] << 12, 0x400: 0x30_0000 + UInt64($0) * 8, 0x408: rip + 0x1235 * UInt64($0 + 1),
        0x410: flags[$0],
      ]
    }
  }

  @Test func ripIsSettledWithItsNeighboursAlone() {
    let flags: [UInt64] = [0x246, 0x202, 0x246]
    let regions = Self.regions(Self.stacks(flags: flags))
    #expect(Self.outcome(.GUEST_RIP, regions) == .sure(.init(offset: 0x408, width: 8)))
    #expect(Self.outcome(.GUEST_RSP, regions) == .sure(.init(offset: 0x400, width: 8)))
    #expect(Self.outcome(.GUEST_RFLAGS, regions) == .sure(.init(offset: 0x410, width: 8)))
    // A constant behind them, no flags, code that is not mapped or not executable.
    for words in [
      Self.stacks(flags: [0x246, 0x246, 0x246]), Self.stacks(flags: [0x246, 0x200, 0x202]),
      Self.stacks(flags: flags, rip: 0x4000_0000),
    ] {
      #expect(Self.outcome(.GUEST_RIP, Self.regions(words)) == .open([]))
    }
    let data = Self.regions(Self.stacks(flags: flags)) { index, guest in
      guest = Guest(roots: [Self.roots[index]], isExecutable: false)
    }
    #expect(Self.outcome(.GUEST_RIP, data) == .open([]))
  }
}

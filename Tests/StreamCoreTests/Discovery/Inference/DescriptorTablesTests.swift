import Testing

@testable import StreamCore

/// GDTR and IDTR by the descriptor tables in the guests' memory, and what looks like them.
struct DescriptorTablesTests {
  /// A guest whose page tables map 1 GiB as it is: its GDT at 0x10000, its IDT at 0x20000, its task state at `task`.
  private struct Guest: GuestPages {
    var pages: [UInt64: Page] = [:]

    init(task: UInt64) {
      pages[1] = Self.page([0: 2 << 12 | 7])
      pages[2] = Self.page([0: 0x87])
      pages[0x10] = Self.page([
        0x10: 0x00af_9b00_0000_ffff, 0x40: 0x0000_8b00_0000_0067 | (task & 0xff_ffff) << 16 | (task >> 24 & 0xff) << 56,
        0x48: task >> 32,
      ])
      let gate: UInt64 = 0xffff_8e00_0010_1230
      pages[0x20] = Self.page(
        [0, 6, 13, 14].reduce(into: [:]) { words, vector in
          words[16 * vector] = gate
          words[16 * vector + 8] = 0xffff_ffff
        })
    }

    static func page(_ words: [Int: UInt64]) -> Page {
      var bytes = [UInt8](repeating: 0, count: 4096)
      for (offset, word) in words { bytes.store(word, at: offset) }
      return Page(bytes) ?? .zero
    }

    func has(_ frame: UInt64) -> Bool { frame < 1 << 18 }
    func look(_ frame: UInt64) -> GuestPage { has(frame) ? .page(pages[frame] ?? .zero) : .none }
  }

  private static let tasks: [UInt64] = [0xffff_fe00_0000_3000, 0xffff_fe00_0003_e000, 0xffff_fe00_0007_9000]

  /// One region of each VM, its fields behind one another as Nehalem has them.
  private static func seen(
    _ count: Int = 3, limit: UInt64 = 0xfff_0000_007f, isKnown: Bool = true,
    _ change: (Int, inout [Int: UInt64], inout Guest) -> Void = { _, _, _ in }
  ) -> [DescriptorTables.Seen] {
    (0..<count).map { index in
      var guest = Guest(task: tasks[index])
      var words: [Int: UInt64] = [0x200: 0x10000, 0x208: 0x20000, 0x210: limit, 0x300: tasks[index], 0x400: 0x1000]
      change(index, &words, &guest)
      let clues = RegionClues(
        address: HPA(frame: UInt64(index + 1)), page: Guest.page(words), vm: VirtualAddress(rawValue: UInt64(index)))
      return DescriptorTables.Seen(
        clue: clues, guest: GuestSight(pages: guest, levels: 4), cr3: 0x1000, selector: isKnown ? 0x40 : nil,
        base: isKnown ? tasks[index] : nil)
    }
  }

  private static func tables(_ seen: [DescriptorTables.Seen], distance: Int? = nil) -> DescriptorTables? {
    DescriptorTables(seen, taken: [Bool](repeating: false, count: pageSize), limitDistance: distance)
  }

  /// Whether TR is known or has to be found beside it.
  @Test(arguments: [true, false])
  func bothTablesOfTwoVMsAreFoundWithTheirLimits(isKnown: Bool) throws {
    let found = try #require(Self.tables(Self.seen(isKnown: isKnown)))
    for index in 0..<3 {
      let values = found.values[HPA(frame: UInt64(index + 1))]
      #expect(values?[.GUEST_GDTR_BASE] == 0x10000 && values?[.GUEST_IDTR_BASE] == 0x20000)
      #expect(values?[.GUEST_GDTR_LIMIT] == 0x7f && values?[.GUEST_IDTR_LIMIT] == 0xfff)
      #expect(values?[.GUEST_TR_BASE] == (isKnown ? nil : Self.tasks[index]))
    }
  }

  @Test func oneVMSettlesNothing() {
    #expect(Self.tables(Self.seen(1)) == nil)
  }

  /// A GDT without TR's task state, an IDT without a gate to its code, in one VM of three.
  @Test func oneThatFailsLeavesTheFieldOpen() throws {
    let other = Self.seen { index, _, guest in if index == 1 { guest.pages[0x10] = .zero } }
    #expect(Self.tables(other) == nil)
    let moved = Self.seen { index, words, guest in if index == 1 { guest = Guest(task: 0xffff_fe00_0001_0000) } }
    #expect(Self.tables(moved) == nil)
    let gateless = Self.seen { index, _, guest in if index == 2 { guest.pages[0x20] = .zero } }
    let noGates = try #require(Self.tables(gateless))
    #expect(noGates.values[HPA(frame: 1)] == [.GUEST_GDTR_BASE: 0x10000])
  }

  /// Guests that keep another GDT, which is as good, in a register of theirs: where all of them do, nothing is told; where
  /// one does not, its place is none.
  @Test(arguments: [3, 2])
  func aLookAlikeMakesNothingKnown(evil: Int) throws {
    let found = try #require(
      Self.tables(
        Self.seen { index, words, guest in
          guard index < evil else { return }
          guest.pages[0x30] = guest.pages[0x10]
          words[0x500] = 0x30000
        }))
    #expect(found.places[.GUEST_GDTR_BASE] == (evil == 3 ? [0x200, 0x500] : [0x200]))
    for index in 1...3 {
      #expect(found.values[HPA(frame: UInt64(index))]?[.GUEST_GDTR_BASE] == (evil == 3 ? nil : 0x10000))
    }
  }

  /// Limits count beside their bases only: in a record as the segments have, or both behind both.
  @Test func limitsElsewhereStayOpen() throws {
    let away = Self.seen(limit: 0) { _, words, _ in words[0x600] = 0xfff_0000_007f }
    #expect(try #require(Self.tables(away)).values[HPA(frame: 1)]?[.GUEST_GDTR_LIMIT] == nil)
    let record = Self.seen(limit: 0) { _, words, _ in
      words[0x208] = 0
      words[0x1f8] = 0x7f << 32
      words[0x220] = 0x20000
      words[0x218] = 0xfff << 32
    }
    let found = try #require(Self.tables(record, distance: -4))
    #expect(found.values[HPA(frame: 2)]?[.GUEST_GDTR_LIMIT] == 0x7f)
    #expect(found.values[HPA(frame: 2)]?[.GUEST_IDTR_LIMIT] == 0xfff)
    #expect(try #require(Self.tables(record)).values[HPA(frame: 2)]?[.GUEST_IDTR_LIMIT] == nil)
    let small = Self.seen(limit: 0xfff_0000_0047)
    #expect(try #require(Self.tables(small)).values[HPA(frame: 1)]?[.GUEST_GDTR_LIMIT] == nil)
  }
}

import HostModel
import Testing

@testable import StreamCore

/// Blocks of a guest's memory, as its EPT and its VMM's page tables show them together.
@Suite struct BlockJoinTests {
  private let base = JoinSpace.base
  private let fourGiB: UInt64 = 1 << 20

  @Test(arguments: [4, 5])
  func `two blocks, below and above 4 GiB, at places of their own`(levels: Int) throws {
    var space = try JoinSpace(levels: levels)
    try space.memory(0..<600, host: 0x10000)
    try space.memory(fourGiB..<fourGiB + 300, delta: base - fourGiB + 600, host: 0x20000)
    let found = try space.join()
    #expect(
      found.places == [JoinPlace(0..<600), JoinPlace(fourGiB..<fourGiB + 300, delta: base - fourGiB + 600)])
    #expect(found.fault == nil && found.contradicting.count == 0)
  }

  @Test func `one distance on both sides of 4 GiB is two blocks`() throws {
    var space = try JoinSpace()
    try space.memory(fourGiB - 300..<fourGiB - 200, host: 0x10000)
    try space.memory(fourGiB + 8..<fourGiB + 100, host: 0x20000)
    for page in fourGiB - 200..<fourGiB + 8 { try space.vmm(base + page, to: 0x30000 + page - fourGiB + 300) }
    #expect(
      try space.join().places == [JoinPlace(fourGiB - 300..<fourGiB - 200), JoinPlace(fourGiB + 8..<fourGiB + 100)])
  }

  @Test func `few frames confirm a block, from the first to the last of them`() throws {
    var space = try JoinSpace()
    for page in 0..<4096 as Range<UInt64> { try space.vmm(base + page, to: 0x10000 + page) }
    for frame in stride(from: 37, to: 4000, by: 37) as StrideTo<UInt64> { try space.guest(frame, to: 0x10000 + frame) }
    #expect(try space.join().places == [JoinPlace(37..<3997)])
  }

  @Test(arguments: [15, 16] as [UInt64])
  func `a block needs enough frames`(count: UInt64) throws {
    var space = try JoinSpace()
    try space.memory(64..<64 + count, host: 0x10000)
    #expect(try space.join().places == (count < 16 ? [] : [JoinPlace(64..<80)]))
  }

  @Test func `pages that nobody may touch, and swapped ones, are the VMM's as well`() throws {
    var space = try JoinSpace()
    try space.memory(200..<250, host: 0x10000)
    try space.memory(262..<300, host: 0x20000)
    for page in 250..<256 as Range<UInt64> {
      try space.vmm(base + page, entry: ProcessEntry.protectionNone(0x30000 + page))
    }
    for page in 256..<262 as Range<UInt64> {
      try space.vmm(base + page, entry: ProcessEntry.swap(type: 0, offset: page))
    }
    let found = try space.join()
    #expect(found.places == [JoinPlace(200..<300)])
    #expect(found.pages?.frame(base + 251) == 0x30000 + 251)
  }

  @Test func `pages of 1 GiB and 2 MiB`() throws {
    let huge: UInt64 = 1 << 18
    var space = try JoinSpace()
    let aligned = base & ~(huge - 1)
    try space.vmm(aligned, to: huge, count: huge)
    try space.vmm(aligned + huge, to: 2 * huge, count: huge)
    try space.guest(0, to: huge, count: huge)
    try space.guest(2 * huge - 512, to: 3 * huge - 512, count: 512)
    #expect(try space.join().places == [JoinPlace(0..<2 * huge, delta: aligned)])
  }

  /// A large guest is seen by a sample; what that does not explain is asked for again.
  @Test func `a small block shows beside a large one`() throws {
    var space = try JoinSpace()
    for frame in 0..<40_000 as Range<UInt64> {
      try space.guest(frame, to: 0x100000 + frame * 2)
      try space.vmm(base + frame, to: 0x100000 + frame * 2)
    }
    try space.memory(0xf0000..<0xf0020, delta: base - 0x100000, host: 0x80000)
    #expect(try space.join().places == [JoinPlace(0..<40_000), JoinPlace(0xf0000..<0xf0020, delta: base - 0x100000)])
  }

  @Test func `what lies elsewhere in the midst of a block is no part of it`() throws {
    var space = try JoinSpace()
    for page in 0..<600 as Range<UInt64> { try space.vmm(base + page, to: 0x10000 + page) }
    for frame in 0..<600 as Range<UInt64> where !(140..<220).contains(frame) {
      try space.guest(frame, to: 0x10000 + frame)
    }
    try space.memory(160..<192, delta: base + 0x5000, host: 0x20000)
    // One frame that the VMM does not have at all.
    try space.guest(400, to: 0x30000)
    let found = try space.join()
    #expect(
      found.places == [
        JoinPlace(0..<140), JoinPlace(160..<192, delta: base + 0x5000), JoinPlace(220..<400), JoinPlace(401..<600),
      ])
    #expect(found.contradicting.count == 1 && found.contradicting.first == GPA(frame: 400))
  }

  @Test func `tables that the dump lacks, or too many of them, end it`() throws {
    var space = try JoinSpace()
    try space.memory(0..<600, host: 0x10000)
    try space.vmm(base + 0x80000, to: 0x50000)
    #expect(try space.join(tableLimit: 4).fault == .tooManyTables(4))
    space.lost = [try #require(space.lastTable(of: base + 0x80000))]
    let found = try space.join()
    #expect(found.fault == .lostTables(1) && found.slots.isEmpty)
  }

  @Test func `tables that name themselves end at the limit`() throws {
    var space = try JoinSpace()
    try space.memory(0..<600, host: 0x10000)
    for index in 0..<256 as Range<UInt64> { space.vmmRoot(index, entry: space.vmmRoot | PageTables.Flags.userTable) }
    #expect(try space.join(tableLimit: 1 << 12).fault == .tooManyTables(1 << 12))
  }

  @Test func `a frame that the VMM has everywhere says nothing, and costs little`() throws {
    var space = try JoinSpace()
    try space.memory(0..<64, host: 0x10000)
    for page in 0..<100_000 as Range<UInt64> { try space.vmm(base + 0x100000 + page, to: 0x77777) }
    for frame in 64..<1000 as Range<UInt64> {
      try space.guest(frame, to: 0x77777)
      try space.vmm(base + frame, to: 0x77777)
    }
    #expect(try space.join().places == [JoinPlace(0..<64)])
  }
}

/// The VMM maps memory twice, or what a guest writes makes it look so.
@Suite struct BlockJoinAttackTests {
  private let base = JoinSpace.base
  /// Where else the VMM has memory.
  private let other = JoinSpace.base + 0x40000
  /// Host frames of what is none of the guest's.
  private let secrets: Range<UInt64> = 0x70000..<0x71000

  @Test func `memory that is mapped twice is known where both places agree`() throws {
    var space = try JoinSpace()
    for page in 0..<300 as Range<UInt64> {
      try space.vmm(base + page, to: 0x10000 + page)
      if page != 101 { try space.vmm(other + page, to: page == 100 ? 0x70000 : 0x10000 + page) }
      if page % 10 == 0, page != 100 { try space.guest(page, to: 0x10000 + page) }
    }
    let found = try space.join()
    #expect(found.places == [JoinPlace(0..<100), JoinPlace(102..<291)])
    #expect(found.tied.count == 2 && found.tied.first == GPA(frame: 100))
  }

  @Test func `frames that are mapped once decide for their place`() throws {
    var space = try JoinSpace()
    for page in 0..<300 as Range<UInt64> {
      try space.vmm(base + page, to: 0x10000 + page)
      if page < 200 { try space.vmm(other + page, to: page % 10 == 5 ? 0x70000 + page : 0x10000 + page) }
      if page % 10 == 0 { try space.guest(page, to: 0x10000 + page) }
    }
    for page in 250..<280 as Range<UInt64> { try space.guest(page, to: 0x10000 + page) }
    for page in 0..<9 as Range<UInt64> { try space.memory(page * 10 + 1..<page * 10 + 2, host: 0x20000 + page) }
    let found = try space.join()
    #expect(found.frames.isDisjoint(with: secrets))
    #expect(found.places.contains { $0.frames.contains(255) && $0.delta == base })
  }

  /// KSM merged the guest's pages with those of its VMM, whose content it guessed; between them it gave its own back, so
  /// that the VMM's stand there alone.
  @Test(arguments: [0, 600] as [UInt64])
  func `pages that KSM merged with the VMM's lead to none of its others`(ram: UInt64) throws {
    var space = try JoinSpace()
    for page in 0..<128 as Range<UInt64> {
      let isMerged = page < 40 || page >= 88
      try space.vmm(other + page, to: isMerged ? 0x10000 + page : 0x70000 + page)
      guard isMerged else { continue }
      try space.guest(page, to: 0x10000 + page)
      try space.vmm(base + page, to: 0x10000 + page)
    }
    if ram > 0 { try space.memory(128..<ram, host: 0x20000) }
    let found = try space.join()
    #expect(found.frames.isDisjoint(with: secrets))
    #expect(found.places.allSatisfy { $0.delta == base || !$0.frames.overlaps(40..<88) })
    if ram > 0 { #expect(found.places == [JoinPlace(128..<ram)] || found.places.last?.frames.upperBound == ram) }
  }

  /// All that EPT has of the RAM was merged with the VMM's pages, and the memory of a device behind it as well, at one
  /// distance: it reaches over both.
  @Test func `a distance that reaches over two blocks leads nowhere`() throws {
    var space = try JoinSpace()
    for page in 0..<200 as Range<UInt64> {
      let isMerged = page < 30 || page >= 150
      try space.vmm(other + page, to: isMerged ? 0x10000 + page : 0x70000 + page)
      guard isMerged else { continue }
      try space.guest(page, to: 0x10000 + page)
      try space.vmm((page < 30 ? base : base + 0x9000) + page, to: 0x10000 + page)
    }
    #expect(try space.join().frames.isDisjoint(with: secrets))
  }

  /// A guest puts a device's memory at the distance at which its RAM is. Behind the RAM its VMM has a page that nobody
  /// may touch, then memory of its own.
  @Test func `what lies between RAM and a device's memory is the VMM's`() throws {
    var space = try JoinSpace()
    try space.memory(0..<768, host: 0x10000)
    for page in 769..<1024 as Range<UInt64> { try space.vmm(base + page, to: 0x70000 + page) }
    try space.memory(1024..<1280, host: 0x20000)
    let found = try space.join()
    #expect(found.frames.isDisjoint(with: secrets))
    #expect(found.places == [JoinPlace(0..<768), JoinPlace(1024..<1280)])
  }

  /// Another VM of the same VMM has its memory right behind.
  @Test func `another VM's memory is not reached`() throws {
    var space = try JoinSpace()
    try space.memory(0..<500, host: 0x10000)
    for page in 500..<4096 as Range<UInt64> { try space.vmm(base + page, to: 0x70000 + page - 500) }
    let found = try space.join()
    #expect(found.places == [JoinPlace(0..<500)])
  }
}

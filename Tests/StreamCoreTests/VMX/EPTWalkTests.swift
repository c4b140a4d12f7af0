@testable import StreamCore
import Testing

/// EPT by recipe: tables at the frames that a test names.
@Suite struct EPTWalkTests {
  private static let table: UInt64 = 0x907
  private static let leaf: UInt64 = 0x0600_0000_0000_0b77
  private static let large: UInt64 = 0x0600_0000_0000_0bf7

  private func entry(_ frame: UInt64, _ bits: UInt64 = table) -> UInt64 { frame << 12 | bits }

  /// Root 0x40, one table of each level below it at 0x41, 0x42 and 0x43.
  private func chain(empty: UInt64 = 0) -> VMXMemory {
    var memory = VMXMemory()
    for frame in 0x40...0x43 as ClosedRange<UInt64> { memory.table(frame, fill: empty) }
    for frame in 0x40...0x42 as ClosedRange<UInt64> { memory[frame, 0] = entry(frame + 1) | empty }
    return memory
  }

  private func walk(_ memory: VMXMemory, levels: Int = 4) throws -> EPTWalk {
    EPTWalk(memory: memory, pointer: try EPTPointer(0x40046 | UInt64(levels - 1) << 3))
  }

  private func outcome(_ walk: EPTWalk, atLeast count: Int = 1, backwards: Bool = false) -> EPTOutcome {
    EPTOutcome(walk, atLeast: count, backwards: backwards)
  }

  @Test func neighbouringLeavesBecomeOneRun() throws {
    var memory = chain()
    for index in 0..<4 { memory[0x43, index] = entry(0x100 + UInt64(index), Self.leaf) }
    memory[0x43, 4] = entry(0x200, Self.leaf)
    memory[0x43, 6] = entry(0x202, Self.leaf)
    let outcome = outcome(try walk(memory))
    #expect(
      outcome.runs == [
        MapRun(gpaFrame: 0, hostFrame: 0x100, count: 4), MapRun(gpaFrame: 4, hostFrame: 0x200, count: 1),
        MapRun(gpaFrame: 6, hostFrame: 0x202, count: 1),
      ])
    #expect(outcome.counts.tables == 4)
    #expect(outcome.counts.leaves == 6)
    #expect(outcome.counts.frames == 6)
    #expect(!outcome.counts.isIncomplete)
  }

  @Test func leavesOfAllSizesAreMapped() throws {
    var memory = chain()
    memory[0x41, 1] = entry(0x40000, Self.large)
    memory[0x42, 1] = entry(0x12400, Self.large)
    memory[0x43, 511] = entry(0x123ff, Self.leaf)
    let walk = try walk(memory)
    #expect(
      outcome(walk).runs == [
        MapRun(gpaFrame: 511, hostFrame: 0x123ff, count: 513),
        MapRun(gpaFrame: 262_144, hostFrame: 0x40000, count: 262_144),
      ])
    #expect(walk.translate(GPA(rawValue: 0x1f_f123))?.hostFrame == 0x123ff)
    #expect(walk.translate(GPA(frame: 512 + 17))?.hostFrame == 0x12400 + 17)
    #expect(walk.translate(GPA(frame: 262_144 + 99_999))?.hostFrame == 0x40000 + 99_999)
    #expect(walk.translate(GPA(frame: 3)) == nil)
    #expect(walk.translate(GPA(frame: 1 << 36)) == nil)
  }

  @Test func fiveLevelsReachFurther() throws {
    var memory = chain()
    memory.table(0x44)
    memory[0x43, 2] = entry(0x44)
    memory[0x44, 3] = entry(0x777, Self.leaf)
    memory[0x40, 511] = entry(0x50)
    memory.table(0x50)
    memory[0x50, 0] = 0
    let walk = try walk(memory, levels: 5)
    #expect(outcome(walk).runs == [MapRun(gpaFrame: 2 * 512 + 3, hostFrame: 0x777, count: 1)])
    #expect(walk.translate(GPA(frame: 2 * 512 + 3))?.hostFrame == 0x777)
  }

  @Test func emptyEntriesMayCarryBit63() throws {
    var memory = chain(empty: 1 << 63)
    memory[0x43, 7] = entry(0x321, Self.leaf) | 1 << 63
    let outcome = outcome(try walk(memory))
    #expect(outcome.runs == [MapRun(gpaFrame: 7, hostFrame: 0x321, count: 1)])
    #expect(outcome.counts.misconfigured == 0)
  }

  @Test func mmioAndMisconfiguredEntriesAreCountedNotMapped() throws {
    var memory = chain()
    memory[0x43, 0] = 0xf80_fec0_02b6
    memory[0x43, 1] = entry(0x100, 0xb72)
    memory[0x42, 5] = entry(0x100, 0xb72)
    memory[0x42, 6] = 0xb6
    let outcome = outcome(try walk(memory))
    #expect(outcome.runs.isEmpty)
    #expect(outcome.counts.mmio == 2)
    #expect(outcome.counts.misconfigured == 2)
  }

  @Test func accessTrackedPagesAreMappedAndCounted() throws {
    var memory = chain()
    memory[0x43, 9] = 0x0150_0000_0012_3970
    let outcome = outcome(try walk(memory))
    #expect(outcome.runs == [MapRun(gpaFrame: 9, hostFrame: 0x123, count: 1)])
    #expect(outcome.counts.accessTracked == 1)
  }

  @Test func aRootThatNamesItselfEnds() throws {
    var memory = VMXMemory()
    for index in 0..<512 { memory[0x40, index] = entry(0x40) }
    let walk = try walk(memory)
    #expect(walk.counts.loops == 512)
    #expect(walk.counts.tables == 1)
    #expect(walk.subtrees(atLeast: 1).isEmpty)
    #expect(walk.translate(GPA(frame: 0)) == nil)
  }

  @Test func aTableThatNamesOneAboveItIsRefused() throws {
    var memory = chain()
    memory[0x42, 3] = entry(0x41)
    memory[0x43, 0] = entry(0x100, Self.leaf)
    let outcome = outcome(try walk(memory))
    #expect(outcome.counts.loops == 1)
    #expect(outcome.counts.shared == 0)
    #expect(outcome.runs == [MapRun(gpaFrame: 0, hostFrame: 0x100, count: 1)])
  }

  @Test func aSharedTableBelongsToTheLowestGuestAddress() throws {
    var memory = chain()
    memory[0x43, 0] = entry(0x100, Self.leaf)
    memory[0x42, 9] = entry(0x43)
    // The same level-1 table in another gigabyte, and the level-2 table in a third.
    memory.table(0x52)
    memory[0x41, 1] = entry(0x52)
    memory[0x52, 0] = entry(0x43)
    memory[0x41, 2] = entry(0x42)
    let walk = try walk(memory)
    #expect(walk.counts.shared == 3)
    #expect(walk.translate(GPA(frame: 0))?.hostFrame == 0x100)
    #expect(walk.translate(GPA(frame: 9 * 512)) == nil)
    #expect(walk.translate(GPA(frame: 262_144)) == nil)
    #expect(walk.translate(GPA(frame: 2 * 262_144)) == nil)
    for count in [1, 2, 3, 10] {
      for backwards in [false, true] {
        let outcome = outcome(walk, atLeast: count, backwards: backwards)
        #expect(outcome.runs == [MapRun(gpaFrame: 0, hostFrame: 0x100, count: 1)])
        #expect(outcome.counts == self.outcome(walk).counts)
      }
    }
  }

  @Test func aTableUsedAtTwoLevelsIsEnteredAtTheFirst() throws {
    var memory = chain()
    // The level-1 table again as a level-3 table.
    memory[0x40, 1] = entry(0x43)
    memory[0x43, 0] = entry(0x100, Self.leaf)
    let outcome = outcome(try walk(memory))
    #expect(outcome.counts.shared == 1)
    #expect(outcome.runs == [MapRun(gpaFrame: 0, hostFrame: 0x100, count: 1)])
  }

  @Test func workIsBoundedByTheTablesThatExist() throws {
    // 64 tables whose 512 entries all name tables of the 64: 512^4 ways, 64 tables.
    var memory = VMXMemory()
    for frame in 0x40..<0x80 as Range<UInt64> {
      for index in 0..<512 { memory[frame, index] = entry(0x40 + UInt64(index) % 64) }
    }
    let outcome = outcome(try walk(memory))
    #expect(outcome.counts.tables <= 64)
    #expect(outcome.counts.loops + outcome.counts.shared > 0)
  }

  @Test func aRootWithTooManySharedTablesMapsNothing() throws {
    var memory = chain()
    for index in 0..<512 { memory[0x42, index] = entry(0x1000 + UInt64(index / 2)) }
    memory.table(0x1000)
    memory[0x1000, 0] = entry(0x100, Self.leaf)
    var limits = TableWalkLimits()
    limits.sharedTables = 255
    let refused = EPTWalk(memory: memory, pointer: try EPTPointer(0x4005e), limits: limits)
    #expect(refused.isRefused)
    #expect(refused.subtrees(atLeast: 1).isEmpty)
    #expect(refused.translate(GPA(frame: 0)) == nil)
    limits.sharedTables = 256
    let taken = EPTWalk(memory: memory, pointer: try EPTPointer(0x4005e), limits: limits)
    #expect(!taken.isRefused)
    #expect(taken.translate(GPA(frame: 0))?.hostFrame == 0x100)
  }

  @Test func tablesThatAreMissingAreCounted() throws {
    var memory = chain()
    for index in 0..<20 { memory[0x42, index + 1] = entry(0x900 + UInt64(index)) }
    memory[0x41, 1] = entry(0x800)
    memory[0x41, 2] = entry(0x801)
    memory.damage(0x801)
    memory[0x43, 0] = entry(0x100, Self.leaf)
    let outcome = outcome(try walk(memory), atLeast: 4)
    #expect(outcome.counts.absentTables == 21)
    #expect(outcome.counts.badTables == 1)
    #expect(outcome.counts.isIncomplete)
    #expect(outcome.runs == [MapRun(gpaFrame: 0, hostFrame: 0x100, count: 1)])
  }

  @Test func anAbsentRootMapsNothing() throws {
    let outcome = outcome(try walk(VMXMemory()))
    #expect(outcome.counts.absentTables == 1)
    #expect(outcome.runs.isEmpty)
  }

  /// 5 gigabytes with tables at every level, a 1 GiB leaf in the middle, and runs that cross the borders of subtrees.
  private func wide() -> VMXMemory {
    var memory = chain()
    memory[0x41, 2] = entry(0x80000, Self.large)
    for gigabyte in [0, 1, 3, 4] as [UInt64] {
      let second = 0x1000 + gigabyte
      memory[0x41, Int(gigabyte)] = entry(second)
      memory.table(second)
      for place in 0..<8 as Range<UInt64> {
        let first = 0x2000 + gigabyte * 16 + place
        memory[second, Int(place)] = entry(first)
        for index in 0..<512 as Range<UInt64> where index % 7 != 3 {
          memory[first, Int(index)] = entry(0x10_0000 + gigabyte * 8192 + place * 512 + index, Self.leaf)
        }
      }
    }
    return memory
  }

  @Test func theNumberAndOrderOfWorkersLeaveNoTrace() throws {
    let walk = try walk(wide())
    let expected = outcome(walk)
    #expect(expected.counts.leaves == 1 + 32 * 439)
    #expect(expected.runs.map(\.gpaFrame) == expected.runs.map(\.gpaFrame).sorted())
    for count in [1, 2, 5, 6, 33, 1000] {
      #expect(outcome(walk, atLeast: count) == expected)
      #expect(outcome(walk, atLeast: count, backwards: true) == expected)
    }
  }

  @Test func subtreesComeFromTheFirstLevelThatHasEnough() throws {
    let walk = try walk(wide())
    #expect(walk.subtrees(atLeast: 1).map(\.gpaFrame) == [0])
    #expect(walk.subtrees(atLeast: 2).map(\.gpaFrame) == [0, 1, 2, 3, 4].map { $0 * 262_144 })
    #expect(walk.subtrees(atLeast: 6).count == 33)
    #expect(walk.subtrees(atLeast: 1000).count == 33)
  }

  @Test func runsAgreeWithSingleTranslations() throws {
    let walk = try walk(wide())
    for run in outcome(walk).runs {
      #expect(walk.translate(GPA(frame: run.gpaFrame))?.hostFrame == run.hostFrame)
      #expect(walk.translate(GPA(frame: run.gpaFrame + run.count - 1))?.hostFrame == run.hostFrame + run.count - 1)
    }
  }
}

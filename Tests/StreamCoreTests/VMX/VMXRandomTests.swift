@testable import StreamCore
import Testing

/// Memory that nobody wrote for a reason: no input traps, and the result stays a function of the memory alone.
@Suite struct VMXRandomTests {
  /// xorshift64*: the same numbers in every run.
  private struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state >> 12
      state ^= state << 25
      state ^= state >> 27
      return state &* 0x2545_f491_4f6c_dd1d
    }
  }

  /// 24 tables whose entries name each other, leaves and rubbish.
  private func tangle(_ random: inout Random) -> VMXMemory {
    var memory = VMXMemory()
    let forms: [UInt64] = [
      0x907, 0x907, 0x0600_0000_0000_0b77, 0x0600_0000_0000_0bf7, 0x2b6, 0xb72, 0x0150_0000_0000_0970,
    ]
    for frame in 0x40..<0x58 as Range<UInt64> {
      memory.table(frame)
      for _ in 0..<40 {
        let target = 0x40 + random.next() % 28
        memory[frame, Int(random.next() % 512)] = target << 12 | forms[Int(random.next() % 7)]
      }
      for _ in 0..<4 { memory[frame, Int(random.next() % 512)] = random.next() }
    }
    return memory
  }

  @Test(arguments: 1...12) func tangledTablesGiveOneResult(_ seed: UInt64) throws {
    var random = Random(state: seed &* 0x9e37_79b9)
    let memory = tangle(&random)
    for pointer in [try EPTPointer(0x4005e), try EPTPointer(0x40066)] {
      let walk = EPTWalk(memory: memory, pointer: pointer)
      let expected = EPTOutcome(walk, atLeast: 1, backwards: false)
      for count in [2, 7, 50, 10_000] {
        #expect(EPTOutcome(walk, atLeast: count, backwards: true) == expected)
      }
      #expect(expected.counts.tables <= 24)
      var end: UInt64 = 0
      for run in expected.runs {
        #expect(run.gpaFrame >= end)
        end = run.gpaFrame + run.count
        for frame in [run.gpaFrame, end - 1] {
          #expect(walk.translate(GPA(frame: frame))?.hostFrame == run.hostFrame + (frame - run.gpaFrame))
        }
      }
    }
  }

  @Test func guestAddressesOutsideAllRunsAreNotTranslated() throws {
    var random = Random(state: 77)
    let walk = EPTWalk(memory: tangle(&random), pointer: try EPTPointer(0x4005e))
    let runs = EPTOutcome(walk, atLeast: 1, backwards: false).runs
    for _ in 0..<20_000 {
      let frame = random.next() % (1 << 36)
      let run = runs.last { $0.gpaFrame <= frame }
      let inside = run.map { frame - $0.gpaFrame < $0.count } ?? false
      #expect((walk.translate(GPA(frame: frame)) != nil) == inside)
    }
  }

  @Test func rubbishIsNeverAGuest() throws {
    var random = Random(state: 5)
    for entry in LayoutCatalogue.all {
      let judge = RegionJudge(layout: try #require(entry.layout), memory: VMXMemory())
      for _ in 0..<200 {
        var page = PageBuilder(judge.layout)
        for offset in stride(from: 8, to: 4096, by: 8) { page.bytes.store(random.next(), at: offset) }
        page[.VMCS_LINK_POINTER] = .max
        guard case .rejected = judge.judge(page.page, at: HPA(rawValue: 0)) else {
          Issue.record("\(entry.id) takes random bytes for a region")
          return
        }
        _ = page.region.registerState(hostLoadsEFER: true)
      }
    }
  }
}

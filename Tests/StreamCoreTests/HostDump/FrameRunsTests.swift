import HostModel
import Testing

@testable import StreamCore

/// PT_LOADs that overlap become disjoint runs, the same as a table of every frame would give.
@Suite struct FrameRunsTests {
  @Test func runsAreWhatATableOfAllFramesSays() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<200 {
      let given = (0...random.below(12)).map { _ in
        let start = random.below(60)
        // Few distances, so that some overlaps agree on the place.
        return FrameRun(start: start, end: start + random.below(20), offset: (start + random.below(3)) * 4096)
      }
      var table: [UInt64: UInt64] = [:]
      for run in given {
        for frame in run.start..<run.end where table[frame] == nil {
          table[frame] = run.offset + (frame - run.start) * 4096
        }
      }
      let runs = FrameRuns(preferring: given)
      for frame in 0..<100 as Range<UInt64> {
        let found = runs.run(of: frame).map { $0.offset + (frame - $0.start) * 4096 }
        #expect(found == table[frame])
      }
      #expect(zip(runs.runs, runs.runs.dropFirst()).allSatisfy { $0.end <= $1.start })
      #expect(runs.runs.allSatisfy { $0.start < $0.end })
    }
  }

  @Test func conflictsAreFramesWithTwoPlaces() {
    let runs = FrameRuns(preferring: [
      FrameRun(start: 0, end: 10, offset: 0), FrameRun(start: 5, end: 15, offset: 5 * 4096),
      FrameRun(start: 8, end: 12, offset: 0),
    ])
    #expect(runs.runs == [FrameRun(start: 0, end: 15, offset: 0)])
    #expect(
      FrameRuns(preferring: [FrameRun(start: 0, end: 4, offset: 0), FrameRun(start: 1, end: 3, offset: 0)]).conflicts
        == 2)
  }
}

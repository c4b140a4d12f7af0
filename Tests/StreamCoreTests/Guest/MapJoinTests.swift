import Testing

@testable import StreamCore

/// What the second-level tables have of a slot, joined with what the VMM's page tables have.
@Suite struct MapJoinTests {
  /// Runs of the page tables, at guest frames that are the pages' numbers.
  private func join(
    _ tables: [MapRun], _ pages: [ProcessPages.Run]
  ) -> (runs: [MapRun], absent: [Range<UInt64>], counts: MapCounts) {
    var join = MapJoin<Never>()
    var rest = tables[...]
    var counts = MapCounts()
    var runs: [MapRun] = []
    var absent: [Range<UInt64>] = []
    for run in pages {
      join.add(run, at: run.page, over: &rest, &counts, { frames, _ in absent.append(frames) }, { runs.append($0) })
    }
    join.end(slot: &rest, &counts, { runs.append($0) })
    join.flush { runs.append($0) }
    return (runs, absent, counts)
  }

  private func page(_ number: UInt64, _ count: UInt64, _ frame: UInt64) -> ProcessPages.Run {
    ProcessPages.Run(page: number, count: count, content: .frames(frame))
  }

  @Test func `what both have is the tables', the rest is whoever has it`() {
    let tables = [MapRun(gpaFrame: 2, hostFrame: 102, count: 4)]
    let found = join(tables, [page(0, 10, 100)])
    #expect(
      found.runs == [
        MapRun(gpaFrame: 0, hostFrame: 100, count: 2, source: .slots), MapRun(gpaFrame: 2, hostFrame: 102, count: 4),
        MapRun(gpaFrame: 6, hostFrame: 106, count: 4, source: .slots),
      ])
    #expect(found.counts == MapCounts())
  }

  @Test(arguments: [4, 5, 7, 8] as [UInt64])
  func `pages that the page tables lack come from the tables, also far before the next`(end: UInt64) {
    let lone = MapRun(gpaFrame: 0, hostFrame: 50, count: end)
    let found = join([lone], [page(8, 2, 200)])
    #expect(found.runs == [lone, MapRun(gpaFrame: 8, hostFrame: 200, count: 2, source: .slots)])
    #expect(found.counts.unbacked.count == end && found.counts.unbacked.first == GPA(frame: 0))
  }

  @Test func `other frames and absent pages yield to the tables, and are counted`() {
    let tables = [MapRun(gpaFrame: 1, hostFrame: 11, count: 2), MapRun(gpaFrame: 6, hostFrame: 66, count: 1)]
    let swapped = ProcessPages.Run(page: 5, count: 3, content: .absent(.swapped))
    let found = join(tables, [page(0, 4, 900), swapped])
    #expect(found.runs.filter { $0.source == .tables } == tables)
    #expect(found.absent == [5..<6, 7..<8])
    #expect(found.counts.differing.count == 3 && found.counts.differing.first == GPA(frame: 1))
  }
}

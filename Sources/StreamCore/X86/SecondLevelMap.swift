/// A guest's second-level map, GPA → HPA, by whatever tables it stands in. What Guest and Extraction know of it is
/// this.
///
/// Making one reads the tables near its root, so that its subtrees can then be walked by any workers, in any order, to
/// the same result; the work is bounded by the tables that there are, whatever their entries say.
protocol SecondLevelMap: Sendable {
  /// What was met where the map was made. With the counts of every subtree's walk it is the account of the whole map.
  var counts: MapCounts { get }

  /// Tables that the walks of all subtrees have to read, about: what it costs to know every page.
  var unreadTables: UInt64 { get }

  /// The same map, its tables read through another view of the same memory.
  func reading(from memory: any PhysicalMemory) -> any SecondLevelMap

  /// The host frame behind a guest frame; `nil` when it is not mapped, or a table on the way is absent or refused.
  func hostFrame(_ guestFrame: UInt64) -> UInt64?

  /// Parts that workers can share out, in order of guest address: at the first level that has `count` of them, or at
  /// the last one that can be cut.
  func subtrees(atLeast count: Int) -> [MapSubtree]

  /// Hands over the mappings of one part, ascending by guest address, neighbours joined. Runs of neighbouring parts can
  /// continue one another.
  /// - Parameter absent: takes the frames that the guest has and no host frame backs, and why.
  /// - Returns: what was met here and is not in `counts`.
  func walk<E: Error>(
    _ subtree: MapSubtree, absent: (Range<UInt64>, AbsentReason) throws(E) -> Void, _ body: (MapRun) throws(E) -> Void
  ) throws(E) -> MapCounts
}

extension SecondLevelMap {
  func walk<E: Error>(_ subtree: MapSubtree, _ body: (MapRun) throws(E) -> Void) throws(E) -> MapCounts {
    try walk(subtree, absent: { (_, _) throws(E) in }, body)
  }
}

/// A second-level map that stands in the processor's own tables.
protocol SecondLevelTables: SecondLevelMap {
  /// As `reading`.
  func tables(in memory: any PhysicalMemory) -> any SecondLevelTables

  /// Hands over the mappings of a range of guest frames as `walk` does those of a part; what reaches out of it is cut.
  /// - Parameter frames: the last-level tables at its ends are read whole, so ranges that share none give each table
  ///   once.
  func walk<E: Error>(in frames: Range<UInt64>, _ body: (MapRun) throws(E) -> Void) throws(E) -> MapCounts
}

extension SecondLevelTables {
  func reading(from memory: any PhysicalMemory) -> any SecondLevelMap { tables(in: memory) }
}

/// The root of a second-level map, as the processor's own structure of a vCPU names it.
protocol SecondLevelRoot: Sendable {
  /// EPTP or nCR3 as it stands there.
  var rawValue: UInt64 { get }
  /// Host frame of the top table, by which two vCPUs have one map.
  var rootFrame: UInt64 { get }

  /// Makes the map from the tables in `memory`.
  func map(in memory: any PhysicalMemory) -> any SecondLevelTables
}

/// A part of a map: what hangs below one present entry of a table, or a run of guest frames.
struct MapSubtree: Sendable, Hashable {
  /// As it stands in the table; of a run, how many frames it has.
  let entry: UInt64
  /// Of the table that holds it: 5 or 4 at the root, 1 for the last; 0 for a run.
  let level: Int
  /// The first guest frame of it.
  let gpaFrame: UInt64
}

/// What says that a host frame backs a guest frame.
enum MapSource: UInt8, Sendable, CaseIterable {
  /// The processor's own tables, EPT or NPT.
  case tables
  /// The guest's memory slots and the VMM's page tables.
  case slots
  /// The guest's memory slots and the page cache of a file that the VMM maps there.
  case pageCache
  /// The guest's memory slots, and what the host's kernel keeps compressed of what the VMM has there.
  case zswap
  /// The VMM's page tables, at a distance that the guest's second-level tables confirm.
  case join
}

/// A run of guest frames that a run of host frames backs.
struct MapRun: Sendable, Hashable {
  var gpaFrame: UInt64
  var hostFrame: UInt64
  /// In 4 KiB frames.
  var count: UInt64
  var source = MapSource.tables

  /// One past the last guest frame.
  var end: UInt64 { gpaFrame &+ count }

  /// Takes `next` in when both its sides continue this run, by the same word.
  mutating func join(_ next: MapRun) -> Bool {
    guard gpaFrame &+ count == next.gpaFrame, hostFrame &+ count == next.hostFrame, source == next.source else {
      return false
    }
    count &+= next.count
    return true
  }

  /// The part of it in a range of guest frames; `nil` when there is none.
  func clipped(to frames: Range<UInt64>) -> MapRun? {
    let start = max(gpaFrame, frames.lowerBound)
    let end = min(end, frames.upperBound)
    guard start < end else { return nil }
    return MapRun(gpaFrame: start, hostFrame: hostFrame &+ (start - gpaFrame), count: end - start, source: source)
  }
}

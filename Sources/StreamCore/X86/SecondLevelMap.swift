/// A guest's second-level map, GPA → HPA, by whatever tables it stands in. What Guest and Extraction know of it is
/// this.
///
/// Making one reads the tables near its root, so that its subtrees can then be walked by any workers, in any order, to
/// the same result; the work is bounded by the tables that there are, whatever their entries say.
protocol SecondLevelMap: Sendable {
  /// What was met where the map was made. With the counts of every subtree's walk it is the account of the whole map.
  var counts: MapCounts { get }

  /// The same map, its tables read through another view of the same memory.
  func reading(from memory: any PhysicalMemory) -> any SecondLevelMap

  /// The host frame behind a guest frame; `nil` when it is not mapped, or a table on the way is absent or refused.
  func hostFrame(_ guestFrame: UInt64) -> UInt64?

  /// Parts that workers can share out, in order of guest address: at the first level that has `count` of them, or at
  /// the last one that can be cut.
  func subtrees(atLeast count: Int) -> [MapSubtree]

  /// Hands over the mappings of one part, ascending by guest address, neighbours joined. Runs of neighbouring parts can
  /// continue one another.
  /// - Returns: what was met here and is not in `counts`.
  func walk<E: Error>(_ subtree: MapSubtree, _ body: (MapRun) throws(E) -> Void) throws(E) -> MapCounts
}

/// The root of a second-level map, as the processor's own structure of a vCPU names it.
protocol SecondLevelRoot: Sendable {
  /// EPTP or nCR3 as it stands there.
  var rawValue: UInt64 { get }
  /// Host frame of the top table, by which two vCPUs have one map.
  var rootFrame: UInt64 { get }

  /// Makes the map from the tables in `memory`.
  func map(in memory: any PhysicalMemory) -> any SecondLevelMap
}

/// A part of a map: what hangs below one present entry of a table.
struct MapSubtree: Sendable, Hashable {
  /// As it stands in the table.
  let entry: UInt64
  /// Of the table that holds it: 5 or 4 at the root, 1 for the last.
  let level: Int
  /// The first guest frame below it.
  let gpaFrame: UInt64
}

/// A run of guest frames that a run of host frames backs.
struct MapRun: Sendable, Hashable {
  var gpaFrame: UInt64
  var hostFrame: UInt64
  /// In 4 KiB frames.
  var count: UInt64

  /// Takes `next` in when both its sides continue this run.
  mutating func join(_ next: MapRun) -> Bool {
    guard gpaFrame &+ count == next.gpaFrame, hostFrame &+ count == next.hostFrame else { return false }
    count &+= next.count
    return true
  }
}

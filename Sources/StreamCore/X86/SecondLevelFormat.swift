/// How the entries of a second-level map's tables are read: EPT's or NPT's.
protocol SecondLevelFormat: Sendable {
  /// - Parameters:
  ///   - entry: as it stands in memory.
  ///   - level: of the table that holds it: 5 or 4 at the root, 1 for the last.
  func kind(of entry: UInt64, level: Int) -> SecondLevelEntryKind

  /// Whether an entry is a page that is mapped although it grants nothing: KVM waits for its next access.
  func isAccessTracked(_ entry: UInt64, level: Int) -> Bool
}

/// What an entry of a second-level map means at its level.
enum SecondLevelEntryKind: Sendable, Hashable {
  /// Not present: empty, or frozen while KVM changes a table.
  case empty
  /// The next table.
  case table(frame: UInt64)
  /// A mapping of `count` 4 KiB frames from host frame `frame` on, which `count` divides.
  case leaf(frame: UInt64, count: UInt64)
  /// KVM's marker for emulated MMIO.
  case mmio
  /// Nothing that a processor takes for a mapping.
  case misconfigured
}

/// The top table of a second-level map.
struct SecondLevelRootTable: Sendable, Hashable {
  /// Its host frame.
  let frame: UInt64
  /// 4 or 5.
  let levels: Int

  /// One past the highest guest frame that a walk can reach.
  var frameLimit: UInt64 { 1 << UInt64(9 * levels) }
}

/// Where a guest address leads.
struct SecondLevelLeaf: Sendable, Hashable {
  /// The 4 KiB host frame, inside the leaf.
  let hostFrame: UInt64
  /// As it stands in the table.
  let entry: UInt64
}

struct TableWalkLimits: Sendable {
  /// Tables reached more than once; a root with more is refused as a whole.
  var sharedTables = 65_536
}

/// Where a table hangs: its own level and the first guest frame below it.
struct TablePosition: Sendable, Equatable {
  var level: Int
  var gpaFrame: UInt64

  /// The first guest frame below one entry of this table.
  func gpaFrame(below index: Int) -> UInt64 { gpaFrame | UInt64(index) << UInt64(9 * (level - 1)) }
}

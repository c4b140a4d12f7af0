/// The walk of one root of a second-level map. Two passes, so that the result depends neither on the number of workers nor on their
/// order:
///
/// 1. The initializer reads the tables above level 1, serially and in order of guest address (depth first). A table
///    belongs to the place that reaches it first in this order; every other place is refused: as a loop when the table
///    lies on the way to the place, else as shared. KVM never lets a table serve two ranges of a guest.
/// 2. `walk` goes through one subtree and reads its level-1 tables, 511 of every 512; it shares nothing with other
///    walks, so subtrees can be given to any workers. Each table is entered at its own place only.
///
/// So a level-1 table is read once and one above it twice (three times where tables are shared), whatever entries say.
struct TableWalk<Format: SecondLevelFormat>: SecondLevelTables {
  private(set) var memory: any PhysicalMemory
  let root: SecondLevelRootTable
  let format: Format
  let limits: TableWalkLimits
  /// What the first pass found above level 1. The sum with the counts of every subtree's walk is the root's account.
  private(set) var counts = MapCounts()
  /// More tables are shared than `limits` allows: nothing is mapped by this root.
  private(set) var isRefused = false
  private(set) var unreadTables: UInt64 = 0
  /// The place that owns each table that is reached more than once. Empty for every root that KVM made.
  private var owners: [UInt64: TablePosition] = [:]

  init(
    memory: any PhysicalMemory, root: SecondLevelRootTable, format: Format,
    limits: TableWalkLimits = TableWalkLimits()
  ) {
    self.memory = memory
    self.root = root
    self.format = format
    self.limits = limits
    var scan = TablePrescan(memory: memory, format: format, limits: limits)
    scan.run(root)
    counts = scan.counts
    isRefused = scan.isRefused
    unreadTables = scan.lastTables
    if !scan.shared.isEmpty && !isRefused {
      // Owners are known only now that it is known whose are wanted; the second scan takes the same way.
      var again = TablePrescan(memory: memory, format: format, limits: limits)
      again.wanted = scan.shared
      again.run(root)
      owners = again.owners
    }
  }

  /// The same walk, its tables read through another view of the same memory.
  func tables(in memory: any PhysicalMemory) -> any SecondLevelTables {
    var walk = self
    walk.memory = memory
    return walk
  }

  /// Whether the table at `frame` is entered at this place.
  func owns(_ frame: UInt64, _ position: TablePosition) -> Bool {
    if owners.isEmpty { return true }
    guard let owner = owners[frame] else { return true }
    return owner == position
  }

  func hostFrame(_ guestFrame: UInt64) -> UInt64? { translate(GPA(frame: guestFrame))?.hostFrame }

  /// Where one guest address leads.
  /// - Returns: `nil` when it is not mapped, or a table on the way is absent or refused.
  func translate(_ address: GPA) -> SecondLevelLeaf? {
    guard !isRefused, address.frame < root.frameLimit else { return nil }
    var table = root.frame
    for level in stride(from: root.levels, through: 1, by: -1) {
      guard let page = memory.page(table).page else { return nil }
      let shift = UInt64(9 * (level - 1))
      let entry = page.entry(Int(address.frame >> shift & 0x1ff))
      switch format.kind(of: entry, level: level) {
      case .leaf(let frame, let count):
        return SecondLevelLeaf(hostFrame: frame + address.frame % count, entry: entry)
      case .table(let frame):
        guard owns(frame, TablePosition(level: level - 1, gpaFrame: (address.frame >> shift) << shift)) else {
          return nil
        }
        table = frame
      case .empty, .mmio, .misconfigured:
        return nil
      }
    }
    return nil
  }
}

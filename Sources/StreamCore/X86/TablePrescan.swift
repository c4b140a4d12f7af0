/// The first pass of `TableWalk`: every table above level 1, once, in order of guest address.
struct TablePrescan<Format: SecondLevelFormat> {
  let memory: any PhysicalMemory
  let format: Format
  let limits: TableWalkLimits
  private(set) var counts = MapCounts()
  private(set) var isRefused = false
  /// Tables of level 1, which are left for the walks.
  private(set) var lastTables: UInt64 = 0
  /// Tables that more than one place reaches.
  private(set) var shared: Set<UInt64> = []
  /// Tables whose owners are asked for, and the owners.
  var wanted: Set<UInt64> = []
  private(set) var owners: [UInt64: TablePosition] = [:]
  private var reached = FrameBitmap()
  private var path: [UInt64] = []

  init(memory: any PhysicalMemory, format: Format, limits: TableWalkLimits) {
    self.memory = memory
    self.format = format
    self.limits = limits
  }

  mutating func run(_ root: SecondLevelRootTable) {
    enter(root.frame, TablePosition(level: root.levels, gpaFrame: 0))
  }

  private mutating func enter(_ frame: UInt64, _ position: TablePosition) {
    guard !isRefused else { return }
    guard reached.insert(frame) else {
      if path.contains(frame) { counts.loops += 1 } else { counts.shared += 1 }
      shared.insert(frame)
      isRefused = shared.count > limits.sharedTables
      return
    }
    if wanted.contains(frame) { owners[frame] = position }
    // Level-1 tables name no others: the second pass reads them.
    if position.level == 1 { lastTables += 1 }
    guard position.level > 1, let page = counts.read(frame, in: memory) else { return }
    path.append(frame)
    for index in 0..<512 {
      switch format.kind(of: page.entry(index), level: position.level) {
      case .table(let next):
        enter(next, TablePosition(level: position.level - 1, gpaFrame: position.gpaFrame(below: index)))
      case .mmio: counts.mmio += 1
      case .misconfigured: counts.misconfigured += 1
      case .empty, .leaf: break
      }
    }
    path.removeLast()
  }
}

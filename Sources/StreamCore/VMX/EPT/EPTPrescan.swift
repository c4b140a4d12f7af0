/// The first pass of `EPTWalk`: every table above level 1, once, in order of guest address.
struct EPTPrescan {
  let memory: any PhysicalMemory
  let limits: EPTWalk.Limits
  private(set) var counts = MapCounts()
  private(set) var isRefused = false
  /// Tables of level 1, which are left for the walks.
  private(set) var lastTables: UInt64 = 0
  /// Tables that more than one place reaches.
  private(set) var shared: Set<UInt64> = []
  /// Tables whose owners are asked for, and the owners.
  var wanted: Set<UInt64> = []
  private(set) var owners: [UInt64: EPTWalk.TablePosition] = [:]
  private var reached = FrameBitmap()
  private var path: [UInt64] = []

  init(memory: any PhysicalMemory, limits: EPTWalk.Limits) {
    self.memory = memory
    self.limits = limits
  }

  mutating func run(_ pointer: EPTPointer) {
    enter(pointer.rootFrame, EPTWalk.TablePosition(level: pointer.levels, gpaFrame: 0))
  }

  private mutating func enter(_ frame: UInt64, _ position: EPTWalk.TablePosition) {
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
      let entry = EPTEntry(page.entry(index), level: position.level)
      switch entry.kind {
      case .table(let next):
        enter(next, EPTWalk.TablePosition(level: position.level - 1, gpaFrame: position.gpaFrame(below: index)))
      case .mmio: counts.mmio += 1
      case .misconfigured: counts.misconfigured += 1
      case .empty, .leaf: break
      }
    }
    path.removeLast()
  }
}

extension EPTWalk.TablePosition {
  /// The first guest frame below one entry of this table.
  func gpaFrame(below index: Int) -> UInt64 { gpaFrame | UInt64(index) << UInt64(9 * (level - 1)) }
}

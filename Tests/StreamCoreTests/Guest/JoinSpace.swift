import HostModel
import HostRecipes

@testable import StreamCore

/// A guest's EPT and the page tables of its VMM, and nothing else: frames are numbers that nothing stands in.
struct JoinSpace: PhysicalMemory {
  /// The VMM's page that a guest frame of 0 has.
  static let base: UInt64 = 0x7f00_0000_0
  private var space = RecipeSpace(name: "join", ram: [0..<1 << 14], seed: 7)
  private let ept: EPTTables
  private let process: PageTables
  /// Tables that the dump lacks.
  var lost: Set<UInt64> = []

  init(levels: Int = 4, empty: UInt64 = 0) throws {
    ept = try EPTTables(levels: levels, empty: empty, in: &space)
    process = PageTables(root: try space.allocatePage(), levels: levels)
  }

  func page(_ frame: UInt64) -> PageResult {
    guard !lost.contains(frame), frame < 1 << 14, let page = Page(space.memory.page(frame)) else { return .absent }
    return .page(page)
  }

  /// EPT maps a frame.
  mutating func guest(_ frame: UInt64, to host: UInt64, count: UInt64 = 1) throws {
    try ept.map(frame << 12, to: host << 12, size: count << 12, in: &space)
  }

  /// The VMM maps a page.
  mutating func vmm(_ page: UInt64, to host: UInt64, count: UInt64 = 1) throws {
    try process.map(page << 12, to: host << 12, size: count << 12, flags: PageTables.Flags.userData, in: &space)
  }

  /// Guest frames that EPT and the VMM have on neighbouring host frames, at a distance.
  mutating func memory(_ frames: Range<UInt64>, delta: UInt64 = base, host: UInt64) throws {
    for frame in frames {
      try guest(frame, to: host + frame - frames.lowerBound)
      try vmm(frame &+ delta, to: host + frame - frames.lowerBound)
    }
  }

  /// An entry of the VMM's last-level tables.
  mutating func vmm(_ page: UInt64, entry: UInt64) throws {
    try process.setEntry(entry, for: page << 12, in: &space)
  }

  /// An entry of its top-level table.
  mutating func vmmRoot(_ index: UInt64, entry: UInt64) {
    space.memory.store(entry, at: process.root + index * 8)
  }

  var vmmRoot: UInt64 { process.root }

  /// The frame of its last-level table for a page.
  func lastTable(of page: UInt64) -> UInt64? {
    var table = process.root
    for level in stride(from: UInt64(process.levels), to: 1, by: -1) {
      table = space.memory.load(table + (page >> (9 * (level - 1)) & 0x1ff) * 8) & PageTables.addressMask
    }
    return table == 0 ? nil : table >> 12
  }

  var pages: ProcessPages {
    ProcessPages(
      memory: self, root: HPA(rawValue: process.root), levels: process.levels,
      swapTypes: SwapTypes { SwapLayout(nil, levels: 4) }, mappings: .none)
  }

  func join(tableLimit: UInt64 = .max) throws -> BlockJoin.Outcome {
    var pages = pages
    pages.tableLimit = tableLimit
    return BlockJoin.run(EPTWalk(memory: self, pointer: try EPTPointer(ept.pointer)), pages, Cancellation())
  }
}

extension BlockJoin.Outcome {
  /// Guest frames of the blocks, and how far the VMM's page of each is.
  var places: [JoinPlace] {
    slots.map { JoinPlace($0.frames, delta: $0.hva >> 12 &- $0.frames.lowerBound) }
  }

  /// The host frames that the blocks lead to.
  var frames: Set<UInt64> {
    var frames: Set<UInt64> = []
    for slot in slots {
      for frame in slot.frames {
        if let host = pages?.frame(slot.page(frame)) { frames.insert(host) }
      }
    }
    return frames
  }
}

struct JoinPlace: Equatable {
  var frames: Range<UInt64>
  var delta: UInt64

  init(_ frames: Range<UInt64>, delta: UInt64 = JoinSpace.base) {
    self.frames = frames
    self.delta = delta
  }
}

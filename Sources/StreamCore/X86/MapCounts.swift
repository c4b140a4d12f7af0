/// What the walk of a second-level map met. Counts add up; lists are short samples in order of guest address.
struct MapCounts: Sendable, Equatable {
  /// Frames that a list holds at most.
  static let listLimit = 16

  /// Tables read.
  var tables: UInt64 = 0
  /// Leaves that are mappings, of any size.
  var leaves: UInt64 = 0
  /// 4 KiB frames that they map.
  var frames: UInt64 = 0
  /// Leaves among them whose permissions KVM took away to track accesses.
  var accessTracked: UInt64 = 0
  /// KVM's MMIO markers.
  var mmio: UInt64 = 0
  var misconfigured: UInt64 = 0
  /// Entries refused because their table lies on the way to them.
  var loops: UInt64 = 0
  /// Entries refused because their table belongs to a lower guest address.
  var shared: UInt64 = 0
  /// Tables that the memory does not hold, and tables whose stored bytes are damaged.
  var absentTables: UInt64 = 0
  var badTables: UInt64 = 0
  /// Frames that the tables map outside the guest's memory slots.
  var outside = Oddity()
  /// Frames that the tables map in a slot, and for which the VMM's page tables have none, or another.
  var unbacked = Oddity()
  var differing = Oddity()
  /// Frames in a slot that nothing maps, where a file may have pages that cannot be read.
  var unread = Oddity()

  /// Frames that are odd in one way: how many, and the first of them.
  struct Oddity: Sendable, Equatable {
    private(set) var count: UInt64 = 0
    private(set) var first: GPA?

    mutating func note(_ frame: UInt64, _ count: UInt64) {
      guard count > 0 else { return }
      self.count &+= count
      first = min(first ?? GPA(frame: frame), GPA(frame: frame))
    }

    mutating func add(_ other: Oddity) {
      count &+= other.count
      if let place = other.first { first = min(first ?? place, place) }
    }
  }

  /// Whether a part of the guest's map could not be read or was refused.
  var isIncomplete: Bool { loops + shared + misconfigured + absentTables + badTables > 0 }

  mutating func add(_ other: MapCounts) {
    tables &+= other.tables
    leaves &+= other.leaves
    frames &+= other.frames
    accessTracked &+= other.accessTracked
    mmio &+= other.mmio
    misconfigured &+= other.misconfigured
    loops &+= other.loops
    shared &+= other.shared
    absentTables &+= other.absentTables
    badTables &+= other.badTables
    outside.add(other.outside)
    unbacked.add(other.unbacked)
    differing.add(other.differing)
    unread.add(other.unread)
  }

  /// The table's page, or `nil` with the reason counted.
  mutating func read(_ frame: UInt64, in memory: any PhysicalMemory) -> Page? {
    switch memory.page(frame) {
    case .page(let page):
      tables += 1
      return page
    case .absent:
      absentTables += 1
      return nil
    case .bad:
      badTables += 1
      return nil
    }
  }
}

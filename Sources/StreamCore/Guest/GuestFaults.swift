/// What a guest has lost of the pages that the host's dump should hold.
struct GuestFaults: Sendable {
  private(set) var lost: UInt64 = 0
  private(set) var bad: UInt64 = 0
  /// In no order, some of them superfluous.
  private var kept: [GuestPageFault] = []
  private static let limit = Manifest.maximumBadRuns

  var count: UInt64 { lost + bad }

  /// The lost and the bad pages, ascending: the first of them, for more than the manifest lists are counted only.
  var first: [GuestPageFault] { Self.first(kept) }

  mutating func note(_ fault: PageFault, at guestFrame: UInt64) {
    switch fault.kind {
    case .bad: bad += 1
    case .lost: lost += 1
    }
    keep([GuestPageFault(guestFrame: guestFrame, fault: fault)])
  }

  mutating func add(_ other: GuestFaults) {
    bad += other.bad
    lost += other.lost
    keep(other.kept)
  }

  /// Puts the dump's own words for what is wrong in place of those of the first pages.
  mutating func explain(by dump: any HostDump) throws {
    kept = try first.map { page in
      guard case .fault(let fault) = try dump.entry(page.fault.frame) else { return page }
      return GuestPageFault(guestFrame: page.guestFrame, fault: fault)
    }
  }

  private mutating func keep(_ faults: [GuestPageFault]) {
    kept += faults
    if kept.count >= 2 * Self.limit { kept = Self.first(kept) }
  }

  private static func first(_ faults: [GuestPageFault]) -> [GuestPageFault] {
    Array(faults.sorted { $0.guestFrame < $1.guestFrame }.prefix(limit))
  }
}

/// A page fault of the host's dump, at a frame of a guest that wants the page.
struct GuestPageFault: Sendable, Equatable {
  var guestFrame: UInt64
  var fault: PageFault
}

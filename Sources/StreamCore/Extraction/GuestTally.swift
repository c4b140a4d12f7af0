/// What the pass saw of one guest.
struct GuestTally: Sendable {
  var zero: UInt64 = 0
  var lost: UInt64 = 0
  var bad: UInt64 = 0
  /// The first of the lost and the bad pages.
  private(set) var faults: [GuestPageFault] = []

  mutating func note(_ fault: PageFault, at guestFrame: UInt64) {
    switch fault.kind {
    case .bad: bad += 1
    case .lost: lost += 1
    }
    // More than the manifest lists are counted only.
    if faults.count < Manifest.maximumBadRuns { faults.append(GuestPageFault(guestFrame: guestFrame, fault: fault)) }
  }
}

/// A page fault of the host's dump, at a frame of a guest that wants the page.
struct GuestPageFault: Sendable, Equatable {
  var guestFrame: UInt64
  var fault: PageFault
}

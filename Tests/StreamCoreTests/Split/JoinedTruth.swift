import HostRecipes

/// The pages of a guest that EPT lacks and that can be known without its slots: those between frames that EPT maps and
/// the VMM has in no other place, unless what lies between could be the end of the RAM and something else behind it.
struct JoinedTruth {
  private let guest: BuiltGuest
  /// Frames that EPT maps and that tell a place.
  private let certain: Set<UInt64>
  /// By range of RAM.
  private let hulls: [ClosedRange<UInt64>]

  init(_ guest: BuiltGuest, among host: BuiltHost) {
    self.guest = guest
    let inEPT = guest.ranges.flatMap { $0.filter { Self.isInEPT($0, guest) } }
    // All that its VMM has, in all guests that it runs.
    let siblings = host.guests.filter { $0.processTables.root == guest.processTables.root && !$0.isDead }
    var uses: [UInt64: Int] = [:]
    for sibling in siblings {
      for gfn in sibling.ranges.joined() {
        if let frame = sibling.backing.frame(gfn) { uses[frame, default: 0] += 1 }
      }
    }
    let certain = Set(inEPT.filter { guest.backing.frame($0).map { uses[$0] } == 1 })
    var hulls: [ClosedRange<UInt64>] = []
    for range in guest.ranges {
      for part in [range.clamped(to: 0..<1 << 20), range.clamped(to: 1 << 20..<UInt64.max)] {
        let own = part.filter(certain.contains)
        if own.count >= 16, let first = own.first, let last = own.last { hulls.append(first...last) }
      }
    }
    self.certain = certain
    self.hulls = hulls
  }

  /// Pages that only the join knows, whether or not the dump holds them.
  var count: UInt64 {
    UInt64(guest.ranges.joined().count { has($0) && [.hvaOnly, .zeroPage, .filtered].contains(guest.status($0)) })
  }

  /// Whether the join shows what is behind a page that EPT lacks. Where a page is that is being moved is not known.
  func has(_ gfn: UInt64) -> Bool {
    guard !Self.isInEPT(gfn, guest), !guest.image.has(gfn, .migrating),
      let hull = hulls.first(where: { $0.contains(gfn) }),
      let before = (hull.lowerBound..<gfn).last(where: certain.contains),
      let after = (gfn...hull.upperBound).first(where: certain.contains)
    else { return false }
    return (before + 1...after).allSatisfy { place in
      place % 256 != 0 || guest.status(place) != .untouched && guest.status(place - 1) != .untouched
    }
  }

  private static func isInEPT(_ gfn: UInt64, _ guest: BuiltGuest) -> Bool {
    guest.backing.frame(gfn) != nil && !guest.image.has(gfn, .hvaOnly, .protNone, .migrating)
  }
}

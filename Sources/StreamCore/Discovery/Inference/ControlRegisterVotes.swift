/// CR0 or CR4 of a guest without a sure place of its field. Bits that the host owns are KVM's own copy; the guest's own
/// bits are what all places hold that can be the field or its read shadow. Source: SDM vol. 3, 26.6.6; KVM vmx_set_cr0,
/// vmx_set_cr4.
struct ControlRegisterVotes: Sendable {
  let value: VMCSField
  let shadow: VMCSField
  let mask: VMCSField

  static let all = [
    ControlRegisterVotes(value: .GUEST_CR0, shadow: .CR0_READ_SHADOW, mask: .CR0_GUEST_HOST_MASK),
    ControlRegisterVotes(value: .GUEST_CR4, shadow: .CR4_READ_SHADOW, mask: .CR4_GUEST_HOST_MASK),
  ]

  /// What Linux has in CR0 itself, and so HOST_CR0.
  private static let linuxCR0: UInt64 = 0x8005_0033

  /// The three fields in a region, where that is settled; none where it is not.
  func values(
    in region: RegionClues, _ votes: [VMCSField: PlaceVotes],
    _ sure: [VMCSField: Layout.Place]
  ) -> [VMCSField: UInt64] {
    guard let mask = region.known[mask]?.exact, let shadowed = region.known[shadow]?.values.first else { return [:] }
    if let place = sure[value] {
      let stored = region.page.value(place.offset, place.width)
      return [value: stored, shadow: shadowed & mask, self.mask: mask]
    }
    guard let own = votes[value], let its = votes[shadow], own.voters > 0, its.voters > 0 else { return [:] }
    let places = Set(own.offsets).union(its.offsets)
    // Each field that holds the value there has a place of its own: fewer places, and one of them is not where it can
    // be seen.
    let fields = value == .GUEST_CR0 && shadowed == Self.linuxCR0 ? 3 : 2
    guard !own.offsets.isEmpty, !its.offsets.isEmpty, Self.disjoint(places) >= fields else { return [:] }
    let found = Set(places.map { region.page.value($0, own.width) & ~mask })
    guard found.count == 1, let stored = own.value(in: region.page) else { return [:] }
    return [value: stored, shadow: shadowed & mask, self.mask: mask]
  }

  /// How many places there are that do not overlap.
  private static func disjoint(_ offsets: Set<Int>) -> Int {
    var count = 0
    var end = 0
    for offset in offsets.sorted() where offset >= end {
      count += 1
      end = offset + 8
    }
    return count
  }
}

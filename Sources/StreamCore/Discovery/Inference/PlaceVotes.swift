/// The places of a region that can be one field's, by the values which it must have: every region whose value is known
/// votes, and one that disagrees rules a place out.
struct PlaceVotes: Sendable {
  let field: VMCSField
  let width: Int
  /// In ascending order.
  private(set) var offsets: [Int]
  private(set) var voters = 0
  private(set) var vms = 0
  let isStrong: Bool
  /// The processor takes no other than values of a certain form, and every region without a voter holds one, too.
  private(set) var isFormed = false
  /// Where the copies stand, in words.
  let source: String

  /// Values with fewer bits that tell them from others are no evidence: counters and constants have them, too.
  private static let least = 12
  /// So many bits over all different values: 1,000 places are tried, and a guest's values it may have chosen.
  private static let enough = (host: 24, guest: 40)
  private static let leastOfGuest = 16
  /// Of RFLAGS with interrupts on.
  private static let leastOfFlags = 9

  /// - Parameter step: places are multiples of it, at most 4.
  init(_ field: VMCSField, in regions: [RegionClues]) {
    self.field = field
    width = field.width
    let votes = regions.compactMap { region in region.known[field].map { (region, $0) } }
    voters = votes.count
    vms = Set(votes.map(\.0.vm)).count
    source = votes.first?.1.source ?? ""
    offsets = []
    isStrong = Self.isStrong(field, votes)
    guard let first = votes.first else { return }
    let tests = Self.structures[field]
    for offset in Self.places(width) {
      guard first.1.fits(first.0.page.value(offset, width)) else { continue }
      let fits = votes.allSatisfy { $1.fits($0.page.value(offset, width)) }
      if fits, tests.map({ test in regions.allSatisfy { test($0.page.value(offset, width)) } }) ?? true {
        offsets.append(offset)
      }
    }
    isFormed = field == .GUEST_RFLAGS && isFlags(votes, in: regions)
  }

  /// RFLAGS: 46 of its 64 bits are fixed, and entry fails with others. The places of which that is so in all regions, with
  /// what two VMs' vCPUs were stopped with, are its own; where all regions have voters, nothing more is to be told.
  private func isFlags(_ votes: [(RegionClues, KnownValue)], in regions: [RegionClues]) -> Bool {
    let others = regions.filter { $0.known[field] == nil }
    guard !others.isEmpty, vms >= 2,
      votes.contains(where: { Self.significantBits($0.1.exact ?? 0) >= Self.leastOfFlags })
    else { return false }
    return offsets.allSatisfy { offset in others.allSatisfy { Self.isRFLAGS($0.page.u64(offset)) } }
  }

  /// A field of a pattern, which says where it can lie.
  init(_ field: VMCSField, width: Int, offsets: [Int], in regions: [RegionClues]) {
    self.field = field
    self.width = width
    self.offsets = offsets
    let votes = regions.compactMap { region in region.known[field].map { (region, $0) } }
    voters = votes.count
    vms = Set(votes.map(\.0.vm)).count
    source = votes.first?.1.source ?? ""
    isStrong = false
  }

  /// Where a field of this width may lie: no layout that is known has one that is aligned less.
  static func places(_ width: Int) -> StrideTo<Int> {
    stride(from: Layout.firstOffset, to: pageSize - width + 1, by: min(width, 4))
  }

  /// What the value must be whatever it is, in every region that a vCPU may have run with.
  private static let structures: [VMCSField: @Sendable (UInt64) -> Bool] = [
    .EPT_POINTER: { $0 == 0 || (try? EPTPointer($0)) != nil },
    // Bit 1 is one, bits 3, 5, 15 and 63:22 are zero. Source: SDM vol. 3, 28.3.1.4.
    .GUEST_RFLAGS: { $0 == 0 || isRFLAGS($0) },
  ]

  static func isRFLAGS(_ value: UInt64) -> Bool { value & 0xffff_ffff_ffc0_802a == 2 }

  /// Whether the values tell the field from chance, constants and what others choose: different ones, and of the fields
  /// that a guest may choose those of two VMs at least.
  private static func isStrong(_ field: VMCSField, _ votes: [(RegionClues, KnownValue)]) -> Bool {
    let isGuests = field.isGuestsChoice
    var first: [UInt64: VirtualAddress] = [:]
    for (region, known) in votes where known.values.count == 1 {
      let value = known.values[0] & known.mask
      if significantBits(value) >= (isGuests ? leastOfGuest : least), first[value] == nil { first[value] = region.vm }
    }
    // The root of a VM's map is the VM's, and no two have one; a single one is enough, with its structure.
    if field == .EPT_POINTER { return votes.contains { $0.1.values.contains { $0 != 0 } } }
    let bits = first.keys.reduce(0) { $0 + significantBits($1) }
    return first.count >= 2 && (!isGuests || Set(first.values).count >= 2)
      && bits >= (isGuests ? enough.guest : enough.host)
  }

  /// Bits of a value without the equal ones at its top and the zeros at its end.
  static func significantBits(_ value: UInt64) -> Int {
    let bits = 64 - (value >> 63 == 1 ? ~value : value).leadingZeroBitCount
    return max(0, bits - value.trailingZeroBitCount)
  }

  /// Places by another test, where no copy is known.
  /// - Parameter regions: that were tested.
  mutating func take(_ found: [Int], tested regions: [RegionClues]) {
    offsets = found
    voters = regions.count
    vms = Set(regions.map(\.vm)).count
  }

  mutating func keep(_ isKept: (Int) -> Bool) { offsets.removeAll { !isKept($0) } }

  /// Takes away what overlaps a place that is another field's.
  mutating func exclude(_ place: Layout.Place) {
    offsets.removeAll { $0 < place.offset + place.width && place.offset < $0 + width }
  }

  /// What all its places hold in a region; `nil` where they differ, and where there is none.
  func value(in page: Page) -> UInt64? {
    guard let first = offsets.first.map({ page.value($0, width) }) else { return nil }
    return offsets.allSatisfy { page.value($0, width) == first } ? first : nil
  }
}

extension Page {
  /// The integer of 2, 4 or 8 bytes at `offset`, which lies inside the page with it.
  func value(_ offset: Int, _ width: Int) -> UInt64 {
    switch width {
    case 2: UInt64(u16(offset))
    case 4: UInt64(u32(offset))
    default: u64(offset)
    }
  }
}

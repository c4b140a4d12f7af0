/// Places by tests over the guests' memory, for fields that no copy of KVM's settles. A place goes where it fails in one
/// region; what is left counts where every VM whose guest pages in long mode passes, two at least, with values of their
/// own: whoever would make another place pass has to do so in all of them.
struct SightVotes: Sendable {
  let regions: [RegionClues]
  /// Bytes that are other fields'.
  let taken: [Bool]

  /// Bits of a value, without its equal ones at the top and zeros at its end, that tell it from a constant.
  private static let least = 16

  /// Where GUEST_CR3 can lie: its page tables are the guest's.
  func tables() -> [Int] {
    places(width: 8) { clue, guest, offset in
      let value = clue.page.u64(offset)
      guard Self.fits([.GUEST_CR3], clue, offset) else { return (.fails, 0) }
      // Of an address of a page, the zeros at its end tell, too.
      return (guest.isTable(value), value & X86PageTables.addressMask | 1)
    }
  }

  /// In the order of their encodings.
  static let three: [VMCSField] = [.GUEST_RSP, .GUEST_RIP, .GUEST_RFLAGS]

  /// Whether fields side by side hold what KVM knows of them.
  private static func fits(_ fields: [VMCSField], _ clue: RegionClues, _ offset: Int) -> Bool {
    zip(fields, stride(from: offset, to: pageSize, by: 8)).allSatisfy { field, place in
      clue.known[field]?.fits(clue.page.u64(place)) ?? true
    }
  }

  /// Where RSP, RIP and RFLAGS can stand side by side, in the order of their encodings: RIP for itself would be any
  /// entry point of the guest's that the processor keeps, RSP any pointer. RFLAGS must not be one constant.
  /// - Parameter cr3: by region.
  func stacks(cr3: [HPA: UInt64]) -> [Int] {
    let found = places(width: 24) { clue, guest, offset in
      guard let cr3 = cr3[clue.address] else { return (.unknown, 0) }
      let (rsp, rip, flags) = (clue.page.u64(offset), clue.page.u64(offset + 8), clue.page.u64(offset + 16))
      guard Self.fits(Self.three, clue, offset), PlaceVotes.isRFLAGS(flags),
        guest.isMapped(rsp, by: cr3, executable: false) != .fails
      else { return (.fails, 0) }
      return (guest.isMapped(rip, by: cr3, executable: true), rip)
    }
    let seen = regions.filter { $0.guest != nil }
    return found.filter { offset in Set(seen.map { $0.page.u64(offset + 16) }).count > 1 }
  }

  /// - Parameter test: of the bytes at an offset in one region, with the value that passes.
  private func places(
    width: Int, _ test: (RegionClues, GuestSight, Int) -> (GuestSight.Verdict, UInt64)
  ) -> [Int] {
    let all = Set(regions.filter { $0.guest != nil }.map(\.vm))
    guard all.count >= 2 else { return [] }
    return stride(from: Layout.firstOffset, to: pageSize - width + 1, by: 4).filter { offset in
      guard !taken[offset..<offset + width].contains(true) else { return false }
      var values: [UInt64: VirtualAddress] = [:]
      var vms: Set<VirtualAddress> = []
      for region in regions {
        guard let guest = region.guest else { continue }
        let (verdict, value) = test(region, guest, offset)
        if verdict == .fails { return false }
        guard verdict == .passes else { continue }
        vms.insert(region.vm)
        if PlaceVotes.significantBits(value) >= Self.least, values[value] == nil { values[value] = region.vm }
      }
      return vms == all && Set(values.values).count >= 2
    }
  }
}

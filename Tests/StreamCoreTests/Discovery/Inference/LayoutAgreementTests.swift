import Testing

@testable import StreamCore

/// Layouts held against the copies of the host's kernel.
struct LayoutAgreementTests {
  private static func regions(_ values: [UInt64], _ known: [KnownValue], _ field: VMCSField) -> [RegionClues] {
    zip(values, known).enumerated().map { index, pair in
      var bytes = [UInt8](repeating: 0, count: 4096)
      bytes.store(pair.0, at: 0x100)
      var clues = RegionClues(
        address: HPA(frame: UInt64(index + 1)), page: Page(bytes) ?? .zero, vm: VirtualAddress(rawValue: UInt64(index)))
      clues.known[field] = pair.1
      return clues
    }
  }

  private static func agreement(_ field: VMCSField, _ values: [UInt64], _ known: [UInt64], slack: UInt64 = 0) throws
    -> LayoutAgreement
  {
    let layout = try Layout(parsing: "id x\naccess-rights sdm32\n\(field.name) 256 8")
    let copies = known.map { KnownValue(values: [$0], slack: slack, source: "a copy") }
    return LayoutAgreement(of: layout, regions(values, copies, field))
  }

  @Test func aPlaceThatHoldsTheCopiesIsConfirmed() throws {
    #expect(try Self.agreement(.HOST_RSP, [1, 2], [1, 2]).confirmed == [.HOST_RSP])
    #expect(try Self.agreement(.HOST_RSP, [1, 2], [1, 2]).fault == nil)
  }

  /// One region may have been in the making.
  @Test func aPlaceThatHoldsSomethingElseIsContradictedByMostOfItsVoters() throws {
    #expect(try Self.agreement(.HOST_RSP, [1, 2, 3], [1, 2, 4]).contradicted.isEmpty)
    #expect(try Self.agreement(.HOST_RSP, [1, 2, 3], [1, 5, 4]).contradicted == [.HOST_RSP])
    #expect(try Self.agreement(.HOST_RSP, [1, 2, 3], [1, 5, 4]).fault?.contains("HOST_RSP") == true)
  }

  /// Of what a guest may choose no single one decides.
  @Test func oneGuestContradictsNothing() throws {
    #expect(try Self.agreement(.GUEST_RSP, [1], [2]).contradicted.isEmpty)
    #expect(try Self.agreement(.GUEST_RSP, [1, 3], [2, 4]).contradicted == [.GUEST_RSP])
    #expect(try Self.agreement(.GUEST_RSP, [1, 3, 5], [2, 4, 5]).contradicted.isEmpty)
  }

  /// What KVM has yet to write back, as after a VMM has set it, says nothing of what the region holds.
  @Test func aCopyThatIsAheadContradictsNothing() throws {
    #expect(try Self.agreement(.GUEST_RIP, [0x1000, 0x2000], [0xfff0, 0xfff0], slack: 15).contradicted.isEmpty)
  }
}

import HostRecipes
import Testing

@testable import StreamCore

/// Guests whose own maps reach what proves guests: those are not written, and all others are, whole.
@Suite struct ForgedMapTests {
  /// An EPT leaf of `a` leads to the VMCS of `a`.
  static let recipe = """
    host ram 64M
    guest a ram 0-4M backing 4K nolinux
      vcpu vmcs 0x2000000
      device 4G-4G+4K at 0x2000000
    guest b ram 0-4M backing 2M linux 6.1.0-b
      vcpu vmcs 0x2004000 halted
      vcpu vmcs 0x2006000 running
    """

  @Test(arguments: ["kdump", "elf"])
  func aMapThatReachesItsOwnEvidenceCostsTheOthersNothing(format: String) throws {
    let run = try SplitRun(Self.recipe, SplitRun.Options(format: format))
    #expect(
      run.manifest.warnings.filter { $0.code == .forged }.map(\.text)
        == ["the guest of VMCS 0x2000000 is not written: its own memory map reaches what proves it"])
    #expect(run.manifest.exitStatus == .incomplete)
    #expect(run.manifest.exitStatus.code == 1)
    #expect(run.manifest.guests.count == 1)
    #expect(try run.files().count == 1)
    try run.expectExact(try #require(run.host.guest("b")))
  }

  @Test func aGuestInTheMemoryOfAnotherIsNotWrittenBesideIt() throws {
    let recipe = Self.recipe.replacing("at 0x2000000", with: "at 0x2004000")
    let run = try SplitRun(recipe)
    #expect(
      run.manifest.warnings.filter { $0.code == .forged }.map(\.text)
        == ["the guest of VMCS 0x2004000 is not written: what proves it lies in the memory of another guest"])
    #expect(run.manifest.exitStatus == .incomplete)
    #expect(run.manifest.guests.count == 1)
  }

  @Test func guestsThatReachEachOtherAreNone() throws {
    let recipe = Self.recipe.replacing("at 0x2000000", with: "at 0x2004000") + "\n  device 4G-4G+4K at 0x2000000"
    #expect(throws: Failure.nothingStored(pages: 0, lost: 0, dumpLevel: 17)) { try SplitRun(recipe) }
  }
}

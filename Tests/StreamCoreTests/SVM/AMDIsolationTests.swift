import HostRecipes
@testable import StreamCore
import Testing

/// Guests of AMD hosts that attack: what `IsolationTests` asks of Intel's.
@Suite struct AMDIsolationTests {
  private static let forgeries = [
    "victim 0", "victim 0 maps host", "evil 0 maps victim", "evil 0 maps host", "victim 0 maps loop",
    "victim 0 maps shared", "evil 0 complete maps victim", "victim 0 complete maps host", "victim 0 complete maps loop",
    "evil 0 true-vm maps victim", "victim 0 true-vm maps host", "victim 0 complete", "victim 0 true-vm",
  ]

  private static func recipe(_ words: String, cache: [String] = [], evil: [String] = []) -> String {
    (["host ram 64M cpus 2 amd secrets \(words)"] + cache + ["guest evil ram 0-8M backing 2M linux 6.1.0-evil"]
      + evil.map { "  " + $0 } + ["guest victim ram 0-4M linux 6.1.0-victim", "  vcpu running", "  vcpu halted"])
      .joined(separator: "\n")
  }

  /// All at once, in the attacker's memory and in the host's page cache.
  private static var forged: (cache: [String], evil: [String]) {
    (
      forgeries.map { "forge \($0)" }, forgeries.enumerated().map { "forge \(0x40_0000 + $0 << 17) \($1)" }
    )
  }

  @Test(arguments: ["kernel 6.1", "kernel 7.3", "kernel 6.1 sme 47"], [false, true])
  func noForgeryCountsWhereTheKernelIsAsked(words: String, scans: Bool) throws {
    let (cache, evil) = Self.forged
    try SplitRun.expectIsolated(
      Self.recipe("symbols types \(words)", cache: cache, evil: evil), pages: 1 << 15, scans: scans)
  }

  @Test(arguments: ["heads", "copies victim 0", "copies evil 0"], [false, true])
  func aGuestFullOfThemHidesNone(flood: String, scans: Bool) throws {
    try SplitRun.expectIsolated(Self.recipe("symbols types", evil: [flood]), pages: 1 << 15, scans: scans)
  }

  /// Pages beyond the candidates: each is read once for what names a VMCB.
  @Test(arguments: ["kernel 6.1", "kernel 7.3", "kernel 6.1 sme 47", "kernel 5.10"])
  func aForgeryMakesNoGuestByContent(words: String) throws {
    let (cache, evil) = Self.forged
    let run = try SplitRun.expectIsolated(
      Self.recipe(words, cache: cache, evil: evil), pages: 1 << 15, isByContent: true)
    // All were looked at: what keeps them out is that no vCPU of the host's names them.
    for forgery in run.host.forgeries {
      let address = "0x" + String(forgery.region, radix: 16) + ":"
      #expect(run.inspection.nearMisses.contains { $0.hasPrefix(address) && $0.contains("no host evidence") })
    }
  }

  @Test(arguments: ["heads", "copies victim 0", "copies evil 0"])
  func aGuestFullOfThemHidesNoneByContent(flood: String) throws {
    let run = try SplitRun.expectIsolated(Self.recipe("", evil: [flood]), pages: 1 << 15, isByContent: true)
    #expect(run.manifest.counters["candidates", default: 0] > 1000)
  }

  /// A guest chooses its registers, and the host keeps them in the very `vcpu_svm` that proves it. With no other tenant to
  /// outvote it, nothing is believed.
  @Test(arguments: ["kernel 6.1", "kernel 6.12", "kernel 7.3", "kernel 5.10", "kernel 4.18"])
  func registersThatLookLikeVmcb01ProveNothingByContent(words: String) throws {
    let forge = "forge evil 0 in-registers maps host"
    try SplitRun.expectIsolated(Self.recipe(words, cache: [forge]), pages: 1 << 15, isByContent: true)
    let alone = "host ram 64M amd secrets \(words)\n\(forge)\nguest evil ram 0-4M linux 6.1.0-e"
    #expect(throws: Failure.self) { try SplitRun(alone) }
  }

  @Test func registersThatLookLikeVmcb01ProveNothing() throws {
    let run = try SplitRun.expectIsolated(
      Self.recipe("symbols types", cache: ["forge evil 0 in-registers maps host"]))
    let evil = try #require(run.host.guest("evil"))
    #expect(try run.entry(evil).vcpus.map { $0.vmcs?.value } == evil.vcpus.map(\.vmcs))
  }
}

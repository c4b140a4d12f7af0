import HostRecipes
@testable import StreamCore
import Testing

/// AMD hosts whose kernels are asked and whose pages are looked at: what the two ways say differently is told, as of
/// Intel's.
@Suite struct AMDBothWaysTests {
  private func scanned(_ host: BuiltHost) throws -> (run: SplitRun, differences: [String]) {
    var options = SplitRun.Options()
    options.scans = true
    let run = try SplitRun(host, options)
    return (run, run.manifest.warnings.filter { $0.code == .ways_differ }.map(\.text))
  }

  @Test(arguments: ["6.1", "6.12 sme 51", "7.3 la57", "5.14", "5.10 builtin", "4.18 builtin"])
  func whatBothSayIsNotSaidToDiffer(kernel: String) throws {
    let (run, differences) = try scanned(
      try HostRecipe(
        """
        host ram 128M cpus 2 amd symbols types kernel \(kernel)
        guest a ram 0-4M linux 6.1.0-a
          vcpu halted
          vcpu running
        guest b ram 0-2M nolinux
          vcpu halted
          vcpu never-run
        guest c ram 0-2M sev-es nolinux
          vcpu stopped
        guest gone ram 0-2M dead nolinux
        """
      ).build())
    #expect(run.manifest.discovery?.way == "both" && run.manifest.defunct.count == 1)
    #expect(differences == [])
    for guest in run.host.liveGuests where guest.name != "c" { try run.expectExact(guest) }
  }

  /// The attacker's registers tie with its true `vmcb01`, so that content proves nothing; the kernel's word stands.
  @Test(arguments: ["6.1", "5.10 builtin"]) func aTieByContentIsSaid(kernel: String) throws {
    let (run, differences) = try scanned(
      try HostRecipe(
        """
        host ram 64M amd secrets symbols types kernel \(kernel)
        forge evil 0 in-registers maps host
        guest evil ram 0-4M linux 6.1.0-e
        """
      ).build())
    #expect(run.manifest.guests.count == 1 && run.manifest.exitStatus == .complete)
    try run.expectExact(try #require(run.host.guests.first))
    #expect(differences.count == 1 && differences.allSatisfy { $0.contains("none of them is found by content") })
  }
}

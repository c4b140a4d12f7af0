@testable import StreamCore
import Testing

/// Hosts that no real dump here shows: other layouts, kernels, sizes and states.
@Suite struct GeneratedHostTests {
  private func expectExact(_ recipe: String, _ options: SplitRun.Options = .init()) throws -> SplitRun {
    let run = try SplitRun(recipe, options)
    #expect(run.manifest.guests.count == run.host.liveGuests.count)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    return run
  }

  @Test(arguments: [
    "intel-nehalem", "intel-westmere", "intel-sandybridge", "intel-haswell", "intel-skylake", "kvm-vmcs12", "bochs-2.8",
  ])
  func everyProcessorsLayoutIsFoundByContent(layout: String) throws {
    let run = try expectExact(
      """
      host ram 48M layout \(layout)
      guest a ram 0-4M linux 6.1.0-a
        vcpu halted
        vcpu running
      """)
    #expect(run.manifest.layout?.id == layout)
  }

  @Test(arguments: ["4.18", "5.14", "6.1-early", "6.1", "6.1-mini", "6.12-early", "6.12"])
  func kernelsWithOtherShapesAreReadWithoutSymbols(shape: String) throws {
    _ = try expectExact(
      """
      host ram 64M cpus 2 kernel \(shape)
      guest a ram 0-4M linux 6.1.0-a
        vcpu halted
        vcpu running
      guest b ram 0-4M linux 6.12.0-b
        vcpu
      """)
  }

  @Test(arguments: ["pti", "la57", "pti la57"])
  func pageTableIsolationAndFiveLevels(words: String) throws {
    _ = try expectExact(
      """
      host ram 64M \(words)
      guest a ram 0-4M linux 6.1.0-a
      guest b ram 0-4M levels 5 la57 linux 6.1.0-b
      """)
  }

  @Test func hugePagesBackTheirGuests() throws {
    _ = try expectExact("host ram 4G directmap 1G\nguest a ram 0-1G backing 1G nolinux")
  }

  @Test func ramFarAboveFourGigabytesKeepsItsPlace() throws {
    let run = try expectExact(
      """
      host ram 0-64M 1T-1T+32M
      guest a ram 0-4M 1T-1T+4M backing 4K shuffled linux 6.1.0-a
      """)
    #expect(try run.entry(run.host.guests[0]).ram.last?.end.value == (1 << 40) + (4 << 20))
  }

  @Test func manyVCPUsInOneGuest() throws {
    let lines = (0..<255).map { "  vcpu apic \($0 ^ 1)" }.joined(separator: "\n")
    let run = try expectExact("host ram 96M cpus 8\nguest big ram 0-4M nolinux\n\(lines)")
    #expect(run.manifest.guests.first?.vcpus.count == 255)
  }

  @Test func manyGuests() throws {
    let guests = (0..<64).map { "guest g\($0) ram 0-2M backing 4K nolinux" }.joined(separator: "\n")
    let run = try expectExact("host ram 512M cpus 4\n\(guests)")
    #expect(run.manifest.guests.count == 64)
  }

  @Test func deadGuestsAreNamedAndNotWritten() throws {
    let run = try expectExact("host ram 64M\nguest a ram 0-4M linux 6.1.0-a\nguest gone ram 0-4M dead linux 6.1.0-b")
    #expect(run.manifest.defunct.map(\.vmcs.value) == run.host.guest("gone").map { $0.vcpus.map(\.vmcs) })
  }

  @Test func aVCPUThatNeverRanKeepsItsPlace() throws {
    let run = try expectExact(
      """
      host ram 64M
      guest a ram 0-4M linux 6.1.0-a
        vcpu apic 0 halted
        vcpu apic 1 never-run
      """)
    #expect(run.manifest.guests.first?.vcpus.map(\.mpState) == ["HALTED", "UNINITIALIZED"])
  }

  @Test func devicePagesAreCountedAndNeverWritten() throws {
    let run = try expectExact(
      "host ram 64M\nguest a ram 0-4M linux 6.1.0-a\n  device 0xfd000000-0xfd010000 at 0x380000000")
    #expect(run.manifest.guests.first?.pages.device == 16)
  }

  @Test func framesThatGuestsShareReachEachOfThem() throws {
    let run = try expectExact(
      """
      host ram 96M
      guest a ram 0-8M backing 4K linux 6.1.0-a
      guest b ram 0-4M backing 4K nolinux
      share a 0x500000 b 0x200000
      """)
    let pages = try run.host.guests.map { try run.pages($0) }
    #expect(pages[0][0x500] == pages[1][0x200])
  }

  @Test(arguments: [("kdump", "filtered"), ("elf", "not_stored")])
  func filteredPagesAreAbsentWithTheirReasonAndNeverZeros(input: String, reason: String) throws {
    let run = try expectExact(
      """
      host ram 64M
      guest a ram 0-4M backing 4K linux 6.1.0-a
        filter 3M-3M+64K
      guest b ram 0-4M linux 6.1.0-b
      """,
      SplitRun.Options(input: { input == "elf" ? $0.elf(.makedumpfile) : $0.kdump(.lzo) }))
    #expect(try run.entry(run.host.guests[0]).pages.absent[reason] == 16)
    #expect(try run.entry(run.host.guests[1]).pages.absent == [:])
    #expect(run.manifest.exitStatus == .incomplete)
  }

  @Test func aDumpWithoutVMCOREINFOIsSplitAndSaysSo() throws {
    let run = try expectExact("host ram 64M\nno vmcoreinfo\nguest a ram 0-4M linux 6.1.0-a\nguest b ram 0-4M nolinux")
    #expect(run.manifest.warnings.contains { $0.code == .no_vmcoreinfo })
  }

  @Test func aForgedRegionInAGuestsMemoryMakesNoGuest() throws {
    _ = try expectExact(
      """
      host ram 96M
      guest a ram 0-8M linux 6.1.0-a
        fake 0x400000 b 0
      guest b ram 0-4M linux 6.1.0-b
      """)
  }

  @Test func aProcessorThatNoLayoutFitsIsNamedWhereNothingLeadsToItsGuests() throws {
    let error = #expect(throws: Failure.self) {
      try SplitRun("host ram 64M unknown-layout 0x5a5a51\nno vmcoreinfo\nguest a ram 0-4M linux 6.1.0-a")
    }
    guard case .noLayout(let ids, _) = try #require(error) else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(ids == [0x5a5a51])
  }

  /// Old kernels have no xarray: the array `vcpus[]` must give all vCPUs.
  @Test(arguments: ["4.18", "5.14"])
  func manyVCPUsInAnArray(kernel: String) throws {
    let lines = (0..<40).map { "  vcpu apic \($0 ^ 1)" }.joined(separator: "\n")
    let run = try expectExact("host ram 96M cpus 8 kernel \(kernel)\nguest big ram 0-4M nolinux\n\(lines)")
    #expect(run.manifest.guests.first?.vcpus.count == 40)
  }
}

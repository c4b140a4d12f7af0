import HostRecipes
@testable import StreamCore
import Testing

/// Guests that attack: whatever they write into their memory, or get into the host's page cache, the guests come out
/// exact, no further guest appears, and no byte of another tenant or of the host is in any file.
///
/// Work is bounded by counters, not clocks: pages read whole for their structure (`bytes_structures`) are compared with
/// the pages that the dump stores.
@Suite struct IsolationTests {
  /// An attacker, a victim with two vCPUs, and what is forged: `cache` lines stand outside of every map.
  private func recipe(
    _ words: String = "secrets", cache: [String] = [], evil: [String] = [], evilRAM: String = "0-6M"
  ) -> String {
    (["host ram 64M cpus 2 \(words)"] + cache
      + ["guest evil ram \(evilRAM) backing 2M linux 6.1.0-evil"] + evil.map { "  " + $0 }
      + ["guest victim ram 0-4M linux 6.1.0-victim", "  vcpu running", "  vcpu halted"]).joined(separator: "\n")
  }

  static let forgeries = [
    "victim 0", "victim 0 maps host", "evil 0 maps victim", "evil 0 maps host", "victim 0 maps loop",
    "victim 0 maps shared", "victim 0 maps host HOST_CR3 0", "victim 0 maps host HOST_RSP 0",
    "evil 0 complete maps victim", "victim 0 complete maps host", "victim 0 complete maps loop",
    "victim 0 complete maps host HOST_RSP 0", "evil 0 true-vm maps victim", "victim 0 true-vm maps host",
    "victim 0 maps host EPT_POINTER 0x5e", "victim 0 own-kernel maps host", "evil 0 own-kernel maps victim",
  ]

  /// In the attacker's own memory, and outside of every map: in the host's page cache.
  @Test(arguments: forgeries)
  func aForgeryMakesNoGuest(words: String) throws {
    let run = try SplitRun.expectIsolated(recipe(cache: ["forge \(words)"], evil: ["forge 0x400000 \(words)"]))
    // All were looked at: what keeps them out is that nothing of the host names them, or names them no more.
    let defunct = Set(run.manifest.defunct.map(\.vmcs.value))
    for forgery in run.host.forgeries where !defunct.contains(forgery.region) {
      let address = "0x" + String(forgery.region, radix: 16) + ":"
      let misses = run.inspection.nearMisses.filter { $0.hasPrefix(address) }
      #expect(misses.contains { words.contains("0x5e") || $0.contains("no host evidence") }, "\(misses)")
    }
  }

  /// Where the host's kernel is asked, no page but the named ones is believed, looked at or not.
  @Test(arguments: ["6.1", "7.3"], [false, true])
  func noForgeryCountsWhereTheKernelIsAsked(kernel: String, scans: Bool) throws {
    let evil = Self.forgeries.enumerated().map { "forge \(0x40_0000 + $0 << 17) \($1)" }
    let host = recipe(
      "secrets kernel \(kernel) symbols types", cache: Self.forgeries.map { "forge \($0)" }, evil: evil,
      evilRAM: "0-8M")
    try SplitRun.expectIsolated(host, scans: scans)
  }

  @Test(arguments: ["victim 0 maps host", "victim 0 complete maps host", "victim 0 true-vm maps host"])
  func withoutVMCOREINFOForgeriesMakeNoGuestEither(words: String) throws {
    let evil = ["forge 0x400000 \(words)"]
    try SplitRun.expectIsolated(recipe(cache: ["no vmcoreinfo", "forge \(words)"], evil: evil))
  }

  /// A whole kernel of an attacker's making cannot be told from the host's then: nothing is split.
  @Test(arguments: ["victim", "host"])
  func withoutVMCOREINFOAKernelOfItsOwnStopsTheSplit(map: String) throws {
    let evil = (0..<4).map { "forge \(0x40_0000 + $0 << 17) evil 0 own-kernel maps \(map)" }
    let error = #expect(throws: Failure.self) { try SplitRun(recipe(cache: ["no vmcoreinfo"], evil: evil)) }
    guard case .unsupportedHost(let what, _) = try #require(error) else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(what.contains("page tables of several kernels"))
  }

  @Test(arguments: ["4.18", "5.14"], ["victim 0 complete maps host", "evil 0 true-vm maps victim"])
  func olderKernelsArePutThroughTheSame(kernel: String, words: String) throws {
    try SplitRun.expectIsolated(
      recipe("secrets kernel \(kernel)", cache: ["forge \(words)"], evil: ["forge 0x400000 \(words)"]))
  }

  @Test func aGuestFullOfHeadsCostsOneReadAPage() throws {
    let run = try SplitRun.expectIsolated(recipe(evil: ["heads"], evilRAM: "0-8M"))
    #expect(run.manifest.counters["candidates", default: 0] > 1500)
  }

  @Test(arguments: ["victim", "evil"])
  func aGuestFullOfCopiesOfATrueRegionHidesNone(whose: String) throws {
    let run = try SplitRun.expectIsolated(recipe(evil: ["copies \(whose) 0"], evilRAM: "0-8M"))
    #expect(run.manifest.counters["candidates", default: 0] > 1500)
  }

  @Test(arguments: ["6.1", "4.18"])
  func manyCompleteFakesCostNoMoreThanTheirPages(kernel: String) throws {
    let evil = (0..<48).map { "forge \(0x40_0000 + $0 << 17) victim 0 complete maps host" }
    try SplitRun.expectIsolated(
      recipe("secrets kernel \(kernel)", evil: evil, evilRAM: "0-10M"), pagesPerCandidate: ForgerySpec.frames)
  }

  /// A guest chooses its registers, and the host keeps them in the very `vcpu_vmx` that proves it. With no other tenant
  /// to outvote it, nothing is believed, but where the kernel itself says where `vmcs01` stands.
  @Test(arguments: ["4.18", "5.14", "6.1", "6.12"])
  func registersThatLookLikeALoadedVMCSProveNothing(kernel: String) throws {
    let forge = "forge evil 0 in-registers maps host"
    try SplitRun.expectIsolated(recipe("secrets kernel \(kernel)", cache: [forge]))
    let alone = "\n\(forge)\nguest evil ram 0-4M linux 6.1.0-e"
    #expect(throws: Failure.self) { try SplitRun("host ram 64M secrets kernel \(kernel)" + alone) }
    let words = kernel == "4.18" ? "symbols types builtin" : "symbols types"
    let run = try SplitRun.expectIsolated("host ram 64M secrets kernel \(kernel) \(words)" + alone)
    let evil = try #require(run.host.guests.first)
    #expect(try run.entry(evil).vcpus.map { $0.vmcs?.value } == evil.vcpus.map(\.vmcs))
  }

  @Test func aFloodOnAProcessorThatNoLayoutFitsHidesNoGuestAndMakesNone() throws {
    let run = try SplitRun(recipe("secrets unknown-layout 0x5a5a51", evil: ["copies evil 0"], evilRAM: "0-8M"))
    #expect(run.manifest.unknownLayout?.revisionIds.map(\.value) == [0x5a5a51])
    #expect(run.manifest.guests.count == run.host.liveGuests.count)
    for guest in run.host.liveGuests { try run.expectMemory(guest) }
  }

  /// There regions are found by what they lead to, which a forgery has, too.
  @Test(arguments: forgeries.filter { $0.contains("complete") || $0.contains("true-vm") })
  func forgeriesOnAProcessorThatNoLayoutFitsMakeNoGuest(words: String) throws {
    let run = try SplitRun(
      recipe("secrets unknown-layout 0x5a5a51", cache: ["forge \(words)"], evil: ["forge 0x400000 \(words)"]),
      SplitRun.Options(codec: .raw))
    #expect(run.manifest.guests.count == run.host.liveGuests.count)
    for guest in run.host.liveGuests {
      try run.expectMemory(guest)
      let owner = try #require(run.host.guests.firstIndex { $0.name == guest.name })
      #expect(SplitRun.owners(in: try run.bytes(guest)).keys.allSatisfy { $0 == owner }, "\(guest.name)")
    }
  }

  @Test func loopsAndSharedTablesInATrueMapAreReadOnceAndRefused() throws {
    let plain = try SplitRun.expectIsolated(recipe())
    let bent = try SplitRun.expectIsolated(
      recipe().replacing(
        "victim ram 0-4M linux 6.1.0-victim",
        with: "victim ram 0-4M backing 4K linux 6.1.0-victim\n  ept-loop 0x40000000\n  ept-share 0x40200000 0x200000"))
    let more = bent.manifest.counters["ept_tables", default: 0] - plain.manifest.counters["ept_tables", default: 0]
    #expect(more <= 4)
    #expect(bent.manifest.warnings.contains { $0.code == .map_incomplete && $0.text.contains("2 refused") })
  }
}

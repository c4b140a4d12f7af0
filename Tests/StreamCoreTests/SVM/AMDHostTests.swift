import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Hosts with AMD processors whose kernel describes itself.
@Suite struct AMDHostTests {
  private static func recipe(_ words: String, guests: String = "") -> String {
    """
    host ram 128M cpus 2 amd symbols types \(words)
    guest a ram 0-4M 4G-4G+1M backing 4K shuffled linux 6.1.0-a
      vcpu apic 1 halted
      vcpu apic 0 stopped
      vcpu apic 2 running user
      hva-only 4G-4G+64K
      zero-page 4G+128K-4G+192K
    guest b ram 0-4M backing 2M linux 6.12.0-b
      vcpu stopped
      vcpu never-run
    \(guests)
    """
  }

  @Test(arguments: [
    "kernel 6.1", "kernel 6.12", "kernel 7.3", "kernel 5.14", "kernel 5.10 builtin", "kernel 4.18 builtin",
    "kernel 6.1 la57",
    "kernel 6.1 builtin", "kernel 6.1 pti seed 7", "kernel 6.1 sme 47", "kernel 6.12 sme 51", "kernel 7.3 sme 47 la57",
  ])
  func guestsComeOutWhole(words: String) throws {
    let run = try SplitRun(Self.recipe(words))
    let manifest = run.manifest
    #expect(manifest.vendor == "AMD" && manifest.layout?.id == "amd-vmcb" && manifest.unknownLayout == nil)
    #expect(manifest.discovery?.way == "kernel" && manifest.counters["scan_pages"] == 0)
    #expect(manifest.guests.count == 2, "\(manifest.warnings)")
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    #expect(manifest.warnings.filter(\.code.isLoss).map(\.text) == [])
  }

  @Test(arguments: [1, 4, 64])
  func guestsOfAnyNumberOfVCPUsComeOut(count: Int) throws {
    let vcpus = (0..<count).map { "  vcpu \($0 % 3 == 0 ? "stopped" : "halted")" }.joined(separator: "\n")
    let run = try SplitRun(
      "host ram 192M cpus 4 amd symbols types\nguest a ram 0-8M backing 2M linux 6.1.0-a\n\(vcpus)")
    #expect(run.manifest.guests.map(\.vcpus.count) == [count])
    for guest in run.host.liveGuests { try run.expectExact(guest) }
  }

  @Test(arguments: ["symbols types", "symbols types sme 47", "la57 sme 51"])
  func pagesOf1GiBComeOut(words: String) throws {
    let run = try SplitRun(
      "host ram 0-64M 1G-4G cpus 2 directmap 1G amd \(words)\nguest a ram 0-1G backing 1G nolinux")
    #expect(run.manifest.discovery?.way == (words.hasPrefix("symbols") ? "kernel" : "content"))
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    #expect(run.manifest.guests.count == 1)
  }

  /// What NPT alone maps where the slots are lost is what its leaves of all sizes say.
  @Test(arguments: ["4K", "2M"]) func nestedPageTablesGiveTheMapWhereSlotsAreLost(backing: String) throws {
    let host = try HostRecipe(
      "host ram 128M amd symbols types\nguest a ram 0-4M backing \(backing) linux 6.1.0-a\n  vcpu stopped"
    ).build()
    var torn = host
    for slot in host.structures("kvm_memory_slot", of: "a") { torn = torn.overwriting(slot, with: 0xff) }
    let run = try SplitRun(torn)
    let guest = try #require(host.guest("a"))
    let pages = try run.pages(guest)
    #expect(Set(pages.keys) == Set(guest.ranges.joined().filter { guest.status($0) == .mapped }))
    for (gfn, page) in pages { #expect(page == guest.page(gfn)) }
    #expect(run.manifest.warnings.contains { $0.code == .lost_slots && $0.text.contains("NPT") })
  }

  /// Encrypted guests are named and not written, and the others are.
  @Test(arguments: ["sev", "sev-es"], ["", "sme 47", "sme 51"])
  func encryptedGuestsAreNotPassedOffAsClear(form: String, words: String) throws {
    let run = try SplitRun(
      Self.recipe("kernel 6.1 \(words)", guests: "guest c ram 0-4M \(form) linux 6.1.0-c\n  vcpu stopped"))
    for guest in run.host.liveGuests where guest.name != "c" { try run.expectExact(guest) }
    let entry = try run.entry(try #require(run.host.guest("c")))
    #expect(entry.output == nil)
    #expect(entry.vcpus[0].registers["rip"] == nil || form == "sev")
    #expect(entry.vcpus[0].registers["rax"] == nil || form == "sev")
    #expect(run.manifest.exitStatus == .incomplete)
    #expect(run.manifest.warnings.contains { $0.code == .encrypted && $0.text.hasPrefix("c: ") })
  }

  @Test func aHostOfEncryptedGuestsAloneGivesNoDump() throws {
    let error = try #require(throws: Failure.self) {
      _ = try SplitRun("host ram 128M amd symbols types\nguest c ram 0-4M sev linux 6.1.0-c\n  vcpu stopped")
    }
    #expect("\(error)".contains("encrypted"))
  }

  /// A VMCB counts where a vCPU of a listed VM names it: not in a guest's memory, nor in the page cache.
  @Test func aCopyOfAVMCBIsNoGuest() throws {
    let guests = "guest c ram 0-4M linux 6.1.0-c\n  vcpu stopped\n  fake 1M a 0"
    let host = try HostRecipe(Self.recipe("kernel 6.1", guests: guests)).build()
    for scans in [false, true] {
      var options = SplitRun.Options()
      options.scans = scans
      let run = try SplitRun(host, options)
      #expect(run.manifest.guests.count == 3)
      for guest in host.liveGuests { try run.expectExact(guest) }
    }
  }

  /// A page that the kernel names as a VMCB and that is none costs that vCPU's registers.
  @Test func aDamagedVMCBCostsItsRegisters() throws {
    let host = try HostRecipe(Self.recipe("kernel 6.1")).build()
    let vcpu = try #require(host.guest("a")?.vcpus.first)
    var torn = host
    torn.space.memory.store(0, at: vcpu.vmcs + 0x10, width: 4)
    let run = try SplitRun(torn)
    let guest = try #require(host.guest("a"))
    try run.expectMemory(guest)
    #expect(run.manifest.warnings.contains { $0.code == .no_vmcs && $0.text.contains("named as its VMCB") })
    try run.expectExact(try #require(host.guest("b")))
  }

  /// What is left of a guest that is gone is told, where every page is looked at.
  @Test(arguments: ["6.1", "6.1 sme 47", "5.10 builtin", "7.3"], [false, true])
  func deadGuestsAreNamedAndNotWritten(words: String, byContent: Bool) throws {
    let guests = "guest gone ram 0-2M dead nolinux\n  vcpu stopped\n  vcpu halted"
    var options = SplitRun.Options()
    options.scans = !byContent
    options.isByContent = byContent
    let run = try SplitRun(Self.recipe("kernel \(words)", guests: guests), options)
    #expect(run.manifest.guests.count == 2)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    // VMs in the direct map stay mapped.
    let reason = words == "7.3" ? "kvm_unlisted" : "kvm_unmapped"
    let gone = try #require(run.host.guest("gone"))
    #expect(run.manifest.defunct.map(\.vmcs.value) == gone.vcpus.map(\.vmcs).sorted())
    for entry in run.manifest.defunct {
      #expect(entry.evidence.reason == reason && entry.evidence.kvm?.value == gone.kvm.virtual)
    }
  }

  /// The processors' own save areas, and what is left of a guest that is gone, make none.
  @Test(arguments: [false, true], [false, true])
  func whatOnlyLooksLikeAVMCBMakesNoGuest(scans: Bool, byContent: Bool) throws {
    let guests = "guest gone ram 0-2M dead nolinux\n  vcpu stopped"
    var options = SplitRun.Options()
    options.scans = scans
    options.isByContent = byContent
    let run = try SplitRun(Self.recipe("kernel 6.1", guests: guests), options)
    #expect(run.host.hostSaveAreas.count == 2 && run.manifest.guests.count == 2)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
  }

  /// Of a guest whose registers look like what names a VMCB nothing is believed, where no other tells more.
  @Test func aKernelThatDoesNotTellItsVMsIsNamedWithACure() throws {
    let error = try #require(throws: Failure.self) {
      _ = try SplitRun(
        "host ram 128M amd kernel 5.10\nforge a 0 in-registers maps host\nguest a ram 0-4M linux 6.1.0-a\n  vcpu stopped"
      )
    }
    guard case .unsupportedHost(let what, let remedy) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(what.contains("AMD host") && what.contains("VMCB") && remedy.contains("--symbols"))
  }
}

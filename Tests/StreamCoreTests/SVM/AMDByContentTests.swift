import HostRecipes
@testable import StreamCore
import Testing

/// AMD hosts whose kernel is not asked, or does not tell: VMCBs by their content and by the one list of VMs.
@Suite struct AMDByContentTests {
  private static var options: SplitRun.Options {
    var options = SplitRun.Options()
    options.isByContent = true
    return options
  }

  private static func recipe(_ words: String, guests: String = "") -> String {
    """
    host ram 128M cpus 2 amd \(words)
    guest a ram 0-4M 4G-4G+1M backing 4K shuffled linux 6.1.0-a
      vcpu apic 1 halted
      vcpu apic 0 stopped
      vcpu apic 2 running user
      hva-only 4G-4G+64K
    guest b ram 0-4M backing 2M linux 6.12.0-b
      vcpu stopped
      vcpu never-run
    \(guests)
    """
  }

  @Test(arguments: [
    "kernel 6.1", "kernel 6.12", "kernel 7.3", "kernel 5.14", "kernel 6.1 la57", "kernel 6.1 sme 47",
    "kernel 6.12 sme 51",
    "kernel 6.1 symbols types", "kernel 7.3 symbols types la57", "kernel 5.10", "kernel 4.18",
    "kernel 5.10 sme 47 la57",
  ])
  func guestsComeOutWhole(words: String) throws {
    let run = try SplitRun(Self.recipe(words), Self.options)
    let manifest = run.manifest
    #expect(manifest.vendor == "AMD" && manifest.layout?.id == "amd-vmcb" && manifest.discovery?.way == "content")
    #expect(manifest.guests.count == 2, "\(manifest.warnings)")
    for guest in run.host.liveGuests { try run.expectExact(guest) }
  }

  /// The plain way sees what the fast one does.
  @Test func onePageAfterTheOtherGivesTheSame() throws {
    let host = try HostRecipe(Self.recipe("kernel 6.1")).build()
    let fast = try SplitRun(host, Self.options)
    var options = Self.options
    options.isPlain = true
    #expect(try SplitRun(host, options).files() == fast.files())
  }

  @Test func aGuestOf64VCPUsComesOutWhole() throws {
    let vcpus = (0..<64).map { "  vcpu \($0 % 3 == 0 ? "stopped" : "halted")" }.joined(separator: "\n")
    let run = try SplitRun(
      "host ram 192M cpus 4 amd\nguest a ram 0-8M backing 2M linux 6.1.0-a\n\(vcpus)", Self.options)
    #expect(run.manifest.guests.map(\.vcpus.count) == [64])
    for guest in run.host.liveGuests { try run.expectExact(guest) }
  }

  /// What is left of a vCPU right behind the only one that lives names its VMCB as that one does.
  @Test(arguments: ["kernel 6.1", "kernel 6.12", "kernel 7.3", "kernel 5.14", "kernel 5.10"])
  func oneVCPUBeforeADeadOneIsTold(words: String) throws {
    let run = try SplitRun(
      """
      host ram 64M amd \(words)
      guest a ram 0-4M linux 6.1.0-a
        vcpu stopped
      guest gone ram 0-2M dead nolinux
        vcpu stopped
      """, Self.options)
    #expect(run.manifest.guests.count == 1)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    let gone = try #require(run.host.guest("gone")?.vcpus.first)
    #expect(run.manifest.defunct.map(\.vmcs.value) == [gone.vmcs])
  }

  /// By content, too, a VM counts its vCPUs: one that its table has lost is said, on each vendor's hosts.
  @Test(arguments: ["amd kernel 6.1", "amd kernel 7.3", "kernel 6.1"])
  func aVCPUThatTheTableHasLostIsSaid(words: String) throws {
    var host = try HostRecipe(
      "host ram 64M \(words)\nguest a ram 0-2M nolinux\n  vcpu halted\n  vcpu stopped\n  vcpu stopped"
    ).build()
    let node = try #require(host.structures("xa_node", of: "a").first).parts[0].lowerBound
    host.space.memory.store(0, at: node + 56)
    let run = try SplitRun(host, Self.options)
    #expect(run.manifest.guests.map(\.vcpus.count) == [2] && run.manifest.exitStatus == .incomplete)
    #expect(run.manifest.warnings.contains { $0.code == .lost_vm && $0.text.contains("names 2 of its 3 vCPUs") })
  }

  /// Before 5.12 one VMCB serves a guest and its own guest in turn, with another map of MSRs for the latter: then neither
  /// its registers nor its tables are the guest's.
  @Test func aVCPUInItsOwnGuestIsNotPassedOffBefore512() throws {
    var host = try HostRecipe(Self.recipe("kernel 5.10")).build()
    let guest = try #require(host.guest("a"))
    let other = try #require(host.guest("b"))
    host.space.memory.store(other.vcpus[0].vmcs, at: guest.vcpus[0].vmcs + 0x48)
    host.space.memory.store(other.eptPointer, at: guest.vcpus[0].vmcs + 0xb0)
    let run = try SplitRun(host, Self.options)
    #expect(run.manifest.guests.count == 2)
    try run.expectMemory(try #require(run.host.guest("a")))
    try run.expectExact(try #require(run.host.guest("b")))
    let entries = try run.entry(guest).vcpus
    #expect(entries.count == 3 && entries.count { $0.registers.isEmpty } == 1)
    #expect(run.manifest.exitStatus == .incomplete)
  }

  /// Without slots and shapes, NPT and what the VMM's page tables show between.
  @Test(arguments: ["kernel 6.1", "kernel 7.3", "kernel 6.1 sme 47"])
  func withoutSlotsNPTIsJoined(words: String) throws {
    var options = Self.options
    options.usesShapes = false
    let run = try SplitRun(Self.recipe(words), options)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    let warnings = run.manifest.warnings.filter { $0.code == .unknown_slots }
    #expect(warnings.count == 2 && warnings.allSatisfy { $0.text.contains("blocks that NPT never touched") })
    #expect(run.manifest.guests.allSatisfy { $0.slots == nil })
  }

  /// An encrypted guest's VMCB begins in another way where its state is encrypted, too: its VM leads to it.
  @Test(arguments: ["sev", "sev-es"]) func encryptedGuestsAreNotPassedOffAsClear(form: String) throws {
    let guests = "guest c ram 0-4M \(form) linux 6.1.0-c\n  vcpu stopped"
    let run = try SplitRun(Self.recipe("kernel 6.1 sme 47", guests: guests), Self.options)
    let encrypted = try #require(run.host.guest("c"))
    for guest in run.host.liveGuests where guest.name != "c" { try run.expectExact(guest) }
    let entry = try run.entry(encrypted)
    #expect(entry.output == nil && entry.vcpus.map { $0.vmcs?.value } == encrypted.vcpus.map(\.vmcs))
    #expect(entry.vcpus[0].registers["rax"] == nil || form == "sev")
    #expect(run.manifest.warnings.contains { $0.code == .encrypted })
  }

  /// Whose processor it is, the kernel's image says; where memory that the image gave up says something else, nothing
  /// counts.
  @Test func aKernelThatNamesTwoVendorsIsNotBelieved() throws {
    var host = try HostRecipe(Self.recipe("kernel 6.1")).build()
    host.space.memory.write("GenuineIntel".utf8, at: host.kernel.image + 0x7_0010)
    host.space.memory.write("Forged CPU".utf8, at: host.kernel.image + 0x7_0020)
    let error = try #require(throws: Failure.self) { _ = try SplitRun(host, Self.options) }
    guard case .unsupportedHost(let what, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(what.contains("AMD host"))
  }

  /// Nor of what an AMD host's guest keeps of Intel's.
  @Test func anAMDHostsGuestsHaveNoVMCS() throws {
    let recipe = "host ram 64M\nguest a ram 0-4M linux 6.1.0-a\n  vcpu stopped"
    var host = try HostRecipe(recipe.replacing("64M", with: "64M amd")).build()
    let other = try HostRecipe(recipe).build()
    let gfn = try #require(host.guests[0].ranges.first).upperBound - 1
    let frame = try #require(host.guests[0].backing.frame(gfn))
    host.space.memory.setWords(other.memory.words(other.guests[0].vcpus[0].vmcs >> 12), frame: frame)
    let run = try SplitRun(host, Self.options)
    #expect(run.manifest.vendor == "AMD" && run.manifest.guests.map(\.vcpus.count) == [1])
  }

  /// Of VMCBs on a host with Intel's processors nothing is believed.
  @Test func anIntelHostsGuestsHaveNoVMCB() throws {
    let recipe = "host ram 64M\nguest a ram 0-4M linux 6.1.0-a\n  vcpu stopped"
    var host = try HostRecipe(recipe).build()
    let other = try HostRecipe(recipe.replacing("64M", with: "64M amd")).build()
    let gfn = try #require(host.guests[0].ranges.first).upperBound - 1
    let frame = try #require(host.guests[0].backing.frame(gfn))
    host.space.memory.setWords(other.memory.words(other.guests[0].vcpus[0].vmcs >> 12), frame: frame)
    let run = try SplitRun(host, Self.options)
    #expect(run.manifest.vendor == "Intel" && run.manifest.guests.count == 1)
  }
}

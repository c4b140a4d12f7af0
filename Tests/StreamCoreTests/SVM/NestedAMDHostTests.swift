import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// AMD hosts whose guests have guests of their own.
@Suite struct NestedAMDHostTests {
  private static func recipe(_ state: String, _ words: String) -> String {
    """
    host ram 128M cpus 2 amd \(words)
    guest outer ram 0-8M backing 2M linux 6.1.0-outer
      vcpu stopped \(state)
      vcpu halted
      inner 0x600000
    guest plain ram 0-4M linux 6.1.0-plain
      vcpu stopped
    """
  }

  /// A vCPU that ran its own guest's and no longer does is as any other.
  @Test(arguments: ["kernel 6.1", "kernel 7.3 la57", "kernel 6.1 sme 47"], [false, true])
  func whatItsGuestLeftMakesNoGuest(words: String, scans: Bool) throws {
    var options = SplitRun.Options()
    options.scans = scans
    let run = try SplitRun(Self.recipe("nested", "symbols types \(words)"), options)
    try expectGuests(run)
    try run.expectExact(try #require(run.host.guest("outer")))
  }

  /// In its own guest, a vCPU's own registers are those of its VMCB alone.
  @Test(arguments: ["kernel 6.1", "kernel 7.3 la57", "kernel 6.1 sme 47"], [false, true])
  func aVCPUInItsOwnGuestIsTheOuterOnes(words: String, scans: Bool) throws {
    var options = SplitRun.Options()
    options.scans = scans
    let run = try SplitRun(Self.recipe("in-own-guest", "symbols types \(words)"), options)
    try expectGuests(run)
    try Self.expectOwnRegisters(run)
  }

  @Test(arguments: ["nested", "in-own-guest"], ["kernel 6.1", "kernel 7.3 la57", "kernel 6.1 sme 47"])
  func byContentTheyAreTheSame(state: String, words: String) throws {
    var options = SplitRun.Options()
    options.isByContent = true
    let run = try SplitRun(Self.recipe(state, words), options)
    try expectGuests(run)
    if state == "nested" {
      try run.expectExact(try #require(run.host.guest("outer")))
    } else {
      try Self.expectOwnRegisters(run)
    }
  }

  private func expectGuests(_ run: SplitRun) throws {
    #expect(run.manifest.guests.count == 2)
    let outer = try #require(run.host.guest("outer"))
    try run.expectMemory(outer)
    try run.expectExact(try #require(run.host.guest("plain")))
    let inner = try #require(outer.vcpus[0].nestedVMCB)
    #expect(try run.entry(outer).vcpus.map { $0.vmcs?.value } == outer.vcpus.map(\.vmcs))
    #expect(run.inspection.nearMisses.contains { $0.hasPrefix("0x\(String(inner, radix: 16)): vmcb02") })
  }

  static func expectOwnRegisters(_ run: SplitRun) throws {
    let outer = try #require(run.host.guest("outer"))
    let page = run.host.memory.words(outer.vcpus[0].vmcs >> 12)
    let vcpu = try run.entry(outer).vcpus[0]
    for (name, offset) in [("rip", 0x578), ("rsp", 0x5d8), ("rax", 0x5f8), ("cr3", 0x550), ("rflags", 0x570)] {
      #expect(vcpu.registers[name]?.value.value == page[offset / 8], "\(name)")
    }
    #expect(vcpu.exitReason == "VMRUN")
    for name in ["rbx", "r15", "lstar", "kernel_gs_base", "fs", "tr"] {
      #expect(vcpu.unknown.contains(name) && vcpu.registers[name] == nil, "\(name)")
    }
  }
}

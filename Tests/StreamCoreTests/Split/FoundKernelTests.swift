import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Dumps without VMCOREINFO, as memory copied by firmware or from a running machine is: the host's kernel is found by
/// what its processor's regions lead to. A guest that knows the host's addresses can have all of that in its own memory.
@Suite struct FoundKernelTests {
  private func recipe(_ words: String, evil: [String]) -> String {
    (["host ram 64M cpus 2 secrets \(words)", "no vmcoreinfo", "guest evil ram 0-6M backing 2M linux 6.1.0-evil"]
      + evil.map { "  " + $0 } + ["guest victim ram 0-4M linux 6.1.0-victim", "  vcpu running"]).joined(separator: "\n")
  }

  /// What is refused, in words; nothing is written then.
  private func refusal(_ host: BuiltHost) throws -> String {
    let error = #expect(throws: Failure.self) { try SplitRun(host) }
    guard case .unsupportedHost(let what, _) = try #require(error) else {
      Issue.record("\(String(describing: error))")
      return ""
    }
    return what
  }

  /// Nobody can read the host's own regions, so that the forged ones are alone in leading to a kernel.
  @Test(arguments: ["victim", "host"])
  func aKernelThatAGuestForgesOnAnUnknownProcessorStopsTheSplit(map: String) throws {
    let evil = ["forge 0x400000 evil 0 own-kernel maps \(map) in-layout bochs-2.7"]
    var host = try HostRecipe(recipe("unknown-layout 0x5a5a51", evil: evil)).build()
    #expect(try refusal(host).contains("which a VMCOREINFO at "))
    // Nor is its kernel's text there.
    for frame in host.ram.joined() where !host.memory.isZero(frame) {
      let head = String(decoding: host.memory.page(frame).prefix(100), as: UTF8.self)
      if head.contains("OSRELEASE=\(host.spec.release)") {
        host.space.memory.setWords([UInt64](repeating: 0, count: 512), frame: frame)
      }
    }
    let what = try refusal(host)
    #expect(what.contains("more than one kernel in it can be the host's"))
    #expect(what.contains("looks like a VMCS of another processor, with revision id 0x5a5a51"), "\(what)")
  }

  /// The forged layout stands before the host's in the catalogue, and there are more of its regions.
  @Test func regionsOfAnotherKnownLayoutThatLeadElsewhereStopTheSplit() throws {
    let evil = (0..<4).map {
      "forge \(0x40_0000 + $0 << 17) evil 0 own-kernel maps host in-layout intel-haswell"
    }
    let what = try refusal(HostRecipe(recipe("", evil: evil)).build())
    #expect(what.contains("page tables of several kernels"), "\(what)")
  }

  /// The host's regions are not even there; its kernel's own text is.
  @Test func theHostsOwnVMCOREINFOContradictsAForgedKernel() throws {
    let evil = ["forge 0x400000 evil 0 own-kernel maps host"]
    var host = try HostRecipe(recipe("symbols types", evil: evil)).build()
    let region = try #require(host.forgeries.first?.region)
    for vcpu in host.guests.flatMap(\.vcpus) where vcpu.vmcs != region {
      host.space.memory.setWords([UInt64](repeating: 0, count: 512), frame: vcpu.vmcs >> 12)
    }
    let what = try refusal(host)
    #expect(what.contains("which a VMCOREINFO at "), "\(what)")
  }

  /// The same host without the forgery: all its guests.
  @Test(arguments: ["", "symbols types", "la57", "pti symbols types"]) func aHostWithoutItsVMCOREINFOIsSplit(
    words: String
  ) throws {
    let run = try SplitRun(recipe(words, evil: []))
    #expect(run.manifest.guests.count == 2)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
  }

  /// Of an AMD host, whose VMCBs do not name the host's page tables.
  @Test(arguments: ["symbols types", "symbols", "symbols types sme 47"])
  func anAMDHostWithoutItsVMCOREINFOIsSplit(words: String) throws {
    let run = try SplitRun(recipe("amd \(words)", evil: []))
    #expect(run.manifest.guests.count == 2)
    for guest in run.host.liveGuests { try run.expectMemory(guest) }
    #expect(run.manifest.warnings.contains { $0.code == .no_vmcoreinfo })
  }

  /// A guest's copy of a VMCB, named as a kernel with another direct map would name it.
  @Test func placesThatNameVMCBsInTwoDirectMapsStopTheSplit() throws {
    var host = try HostRecipe(recipe("amd symbols types", evil: [])).build()
    let evil = host.guests[0]
    let frame = try #require(evil.backing.frame(0x400))
    host.space.memory.setWords(host.memory.words(evil.vcpus[0].vmcs >> 12), frame: frame)
    host.space.memory.store(0xffff_9780_0000_0000 + frame << 12, at: (frame + 1) << 12 + 0x100)
    host.space.memory.store(frame << 12, at: (frame + 1) << 12 + 0x108)
    let what = try refusal(host)
    #expect(
      what.contains("places that name VMCBs of") && what.contains("a direct map at 0xffff978000000000"), "\(what)")
  }
}

import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Hosts whose kernels are asked and whose pages are looked at, every one: where the two ways say different things, a
/// warning says what, and where they say the same, none does.
@Suite struct BothWaysTests {
  private static let recipe = """
    guest a ram 0-4M linux 6.1.0-a
      vcpu halted
      vcpu running
    guest b ram 0-2M nolinux
      vcpu halted
      vcpu never-run
    guest gone ram 0-2M dead nolinux
    """

  private func scanned(_ host: BuiltHost) throws -> SplitRun {
    var options = SplitRun.Options()
    options.scans = true
    return try SplitRun(host, options)
  }

  private func differences(_ run: SplitRun) -> [String] {
    run.manifest.warnings.filter { $0.code == .ways_differ }.map(\.text)
  }

  /// A dead guest is what the second look is for, and a vCPU that never ran cannot be found by content.
  @Test(arguments: DescribedHostSplitTests.kernels)
  func whatBothSayIsNotSaidToDiffer(kernel: String) throws {
    let run = try scanned(try HostRecipe("host ram 64M cpus 2 kernel \(kernel)\n" + Self.recipe).build())
    #expect(run.manifest.discovery?.way == "both" && run.manifest.defunct.count == 1)
    #expect(run.manifest.warnings.filter { $0.code == .ways_differ }.isEmpty, "\(run.manifest.warnings)")
    for guest in run.host.liveGuests { try run.expectExact(guest) }
  }

  @Test func aHostWhoseOnlyVCPUNeverRanIsNotSaidToDiffer() throws {
    let recipe = "host ram 64M symbols types\nguest new ram 0-2M nolinux\n  vcpu never-run"
    let run = try scanned(try HostRecipe(recipe).build())
    #expect(run.manifest.guests.count == 1 && differences(run).isEmpty, "\(run.manifest.warnings)")
  }

  /// The attacker's registers tie with its true `vmcs01`, so that content proves nothing; the kernel's word stands.
  @Test func aTieByContentIsSaid() throws {
    let run = try scanned(
      try HostRecipe(
        "host ram 64M secrets symbols types\nforge evil 0 in-registers maps host\nguest evil ram 0-4M linux 6.1.0-e"
      ).build())
    #expect(run.manifest.guests.count == 1)
    try run.expectExact(try #require(run.host.guests.first))
    let texts = differences(run)
    #expect(texts.count == 1 && texts.allSatisfy { $0.contains("none of them is found by content") }, "\(texts)")
    #expect(run.manifest.exitStatus == .complete)
  }

  /// One way read the host as it is, the other one a host that differs in one point.
  @Test func eachKindOfDifferenceIsTold() throws {
    let host = try HostRecipe("host ram 64M cpus 2 kernel 6.1 symbols types\n" + Self.recipe).build()
    let sound = try Ways(host)
    #expect(WayDifference.all(sound.listed, sound.content, regions: sound.regions) == [])

    let guest = host.guests[0]
    let kvm = VirtualAddress(rawValue: guest.kvm.virtual)
    let other = VirtualAddress(rawValue: host.guests[1].kvm.virtual)
    let vcpus = guest.vcpus.enumerated().map {
      VCPUPointer(index: $0, address: VirtualAddress(rawValue: host.kernel.virtual($1.vcpuAddress)))
    }
    let regions = guest.vcpus.map { HPA(rawValue: $0.vmcs) }

    var cut = host
    let node = try #require(host.structures("xa_node", of: "a").first).parts[0].lowerBound
    cut.space.memory.store(0, at: node + 48)
    cut.space.memory.store(1, at: guest.kvm.physical(host.shape.kvm.online), width: 4)
    #expect(
      WayDifference.all(try Ways(cut).listed, sound.content, regions: sound.regions) == [
        .vcpus(kvm, listed: [], content: [vcpus[1]]), .notNamed(regions[1], kvm),
      ])

    var turned = host
    let page = guest.vcpus[1].fields["MSR_BITMAP"] ?? 0
    turned.space.memory.store(
      host.kernel.virtual(page), at: guest.vcpus[1].vcpuAddress + host.shape.vmcs01)
    #expect(
      WayDifference.all(try Ways(turned).listed, sound.content, regions: sound.regions) == [
        .region(vcpus[1], listed: HPA(rawValue: page), content: regions[1])
      ])

    var unlinked = host
    let head = try #require(host.structures("vm_list").first).parts[0].lowerBound
    for way in [0, 8] as [UInt64] {
      unlinked.space.memory.store(other.rawValue + host.shape.kvm.list, at: head + way)
      unlinked.space.memory.store(host.vmList, at: host.guests[1].kvm.physical(host.shape.kvm.list + way))
    }
    let short = try Ways(unlinked)
    #expect(short.listed.vms.map(\.kvm) == [other])
    #expect(WayDifference.all(short.listed, sound.content, regions: sound.regions) == [.notListed(kvm)])
  }

  /// Types that lead to the wrong place: what they name is no VMCS, and everything comes out by content.
  @Test(arguments: [8, 48] as [UInt32])
  func typesByWhichNoVCPUHasAVMCSAreNotFollowed(bytes: UInt32) throws {
    let sound = try HostRecipe("host ram 64M cpus 2 kernel 6.1 symbols types\n" + Self.recipe).build()
    let run = try SplitRun(try sound.movingMember("vmcs01", by: bytes))
    #expect(run.manifest.discovery?.way == "content")
    let texts = run.manifest.warnings.filter { $0.code == .by_content }.map(\.text)
    #expect(texts.count == 1 && texts.allSatisfy { $0.contains("none of its vCPUs has a VMCS") }, "\(texts)")
    #expect(run.manifest.guests.count == 2)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
  }
}

/// What each of the two ways makes of a host.
private struct Ways {
  let listed: ListedVMs
  let content: HostEvidence
  let regions: [RegionFacts]

  init(_ host: BuiltHost) throws {
    let memory = BuiltMemory(host)
    let text = try #require(host.vmcoreInfo)
    let info = try #require(VMCoreInfo(Array(text.utf8)))
    listed = try #require(HostWord(info, memory).listed)
    let layout = try #require(LayoutCatalogue.layout(id: host.layout.id))
    regions = try host.guests.filter { !$0.isDead }.flatMap(\.vcpus).map { vcpu in
      let page = try #require(memory.page(vcpu.vmcs >> 12).page)
      return RegionFacts(VMCSRegion(address: HPA(rawValue: vcpu.vmcs), page: page, layout: layout))
    }
    content = try HostEvidence(kernel: try LinuxKernel(vmcoreinfo: info, memory: memory), regions: regions)
  }
}

extension BuiltHost {
  /// The same host, whose types of kvm_intel say that a member stands so many bytes further on.
  func movingMember(_ name: String, by bytes: UInt32) throws -> BuiltHost {
    let types = try #require(structures("BTF types", of: "kvm_intel").first)
    let base = try #require(structures("BTF strings", of: "").first).parts.reduce(0) { $0 + $1.count }
    let strings = try #require(structures("BTF strings", of: "kvm_intel").first)
    let text = strings.parts.flatMap { memory.bytes(at: $0.lowerBound, count: $0.count) }
    let place = try #require(text.firstRange(of: [0] + Array(name.utf8) + [0])).lowerBound + 1
    let words = types.parts.flatMap { part in stride(from: part.lowerBound, to: part.upperBound, by: 4) }
    func word(_ index: Int) -> UInt64 { RecipeReaders.le(memory.bytes(at: words[index], count: 4), 0, 4) }
    let member = try #require(words.indices.first { word($0) == UInt64(base + place) })
    var host = self
    host.space.memory.store(word(member + 2) + UInt64(bytes) * 8, at: words[member + 2], width: 4)
    return host
  }
}

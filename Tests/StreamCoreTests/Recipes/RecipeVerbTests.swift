import HostModel
import HostRecipes
import Testing

/// The verbs that change what a host looks like.
@Suite struct RecipeVerbTests {
  @Test func shape612HasItsOffsetsAndEmptyEntries() throws {
    let host = try HostRecipe("host ram 32M kernel 6.12\nguest a ram 0-4M linux 6.12.1-a").build()
    let guest = try #require(host.guests.first)
    let vcpu = try #require(guest.vcpus.first)
    #expect(host.kernel.description.release == "6.12.0-recipe-amd64")
    let load = vcpu.fields["VM_ENTRY_MSR_LOAD_ADDR"] ?? 0
    #expect(host.memory.load(load - 192) == host.kernel.virtual(vcpu.vmcs))
    #expect(load - 6912 == vcpu.vcpuAddress)
    #expect(host.memory.load((guest.eptPointer & ~0xfff) + 511 * 8) == 1 << 63)
    #expect((guest.leaf(0x10_0000)?.entry ?? 0) >> 63 == 1)
  }

  @Test func aFloodMapsTheSameMemoryAllOverTheGuestsAddresses() throws {
    let host = try HostRecipe(
      """
      host ram 0-64M 1G-1G+4M
      guest a ram 0-4M
        ept-flood 3 511 0
      guest b ram 0-4M
        ept-flood 2 2 0x40000000
      """
    ).build()
    let all = try #require(host.guest("a"))
    for gpa in [1 << 39, 7 << 39 | 300 << 30, 1 << 48 - 1] as [UInt64] {
      #expect(all.leaf(gpa).map { $0.address & ~0x3fff_ffff } == 0)
    }
    let some = try #require(host.guest("b"))
    for gpa in [1 << 39, 2 << 39 | 511 << 21] as [UInt64] { #expect(some.leaf(gpa)?.address == 0x4000_0000) }
    #expect(some.leaf(3 << 39) == nil)
    // Nothing else stands there.
    #expect(!(0x40000..<0x40200).contains { host.space.isUsed($0) })
  }

  @Test func fiveLevelsOnBothSides() throws {
    let host = try HostRecipe("host ram 32M la57\nguest a ram 0-4M levels 5 la57 linux 6.1.0-a").build()
    let guest = try #require(host.guests.first)
    let vcpu = try #require(guest.vcpus.first)
    #expect(guest.eptPointer & 0xfff == 0x66)
    #expect((vcpu.fields["HOST_CR4"] ?? 0) & 0x1000 != 0 && vcpu.registers["cr4"] & 0x1000 != 0)
    #expect(host.kernel.directMap >= 0xff11_0000_0000_0000)
    #expect(guest.page(1) == guest.leaf(0x1000).map { host.memory.page($0.address >> 12) })
    #expect(host.translate(vcpu.fields["HOST_RSP"] ?? 0, root: guest.processTables.root) != nil)
    #expect(guest.translate(vcpu.registers["rip"], cr3: vcpu.registers["cr3"]) != nil)
  }

  @Test func ptiKeepsTheKernelOutOfTheUsersHalf() throws {
    let host = try HostRecipe("host ram 32M pti\nguest a ram 0-4M").build()
    let guest = try #require(host.guests.first)
    let rsp = guest.vcpus[0].fields["HOST_RSP"] ?? 0
    let hva = guest.hostVirtual[0].hva
    let root = guest.processTables.root
    #expect(root & 0x1000 == 0)
    #expect(host.translate(rsp, root: root) != nil && host.translate(rsp, root: root + 0x1000) == nil)
    #expect(host.translate(hva, root: root) == host.translate(hva, root: root + 0x1000))
    #expect(host.translate(0xffff_fe00_0000_0000, root: root + 0x1000) != nil)
  }

  @Test func aDeadGuestLeavesItsRegionAndNothingThatLeadsToIt() throws {
    let text = "host ram 48M\nguest old ram 0-4M dead linux 6.1.0-a\nguest new ram 0-4M linux 6.1.0-b"
    let host = try HostRecipe(text).build()
    let guest = try #require(host.guest("old"))
    let vcpu = try #require(guest.vcpus.first)
    #expect(host.liveGuests.map(\.name) == ["new"])
    #expect(RecipeReaders.le(host.memory.page(vcpu.vmcs >> 12), 0, 4) == 0x2b)
    let needle = host.kernel.virtual(vcpu.vmcs)
    #expect(!host.memory.pages.values.contains { $0.contains(needle) })
    #expect(guest.leaf(0x10_0000) == nil)
    let root = guest.processTables.root
    #expect(host.translate(vcpu.fields["HOST_RSP"] ?? 0, root: root) == nil)
    #expect(host.translate(vcpu.fields["HOST_FS_BASE"] ?? 0, root: root) == nil)
    #expect(host.translate(host.memory.load(vcpu.vcpuAddress), root: root) == nil)
    #expect(host.memory.load(root + 511 * 8) != 0)
  }

  @Test func aVCPUThatNeverRanIsInResetState() throws {
    let host = try HostRecipe("host ram 32M\nguest a ram 0-4M linux 6.1.0-a\n  vcpu\n  vcpu never-run apic 4").build()
    let vcpu = try #require(host.guests.first?.vcpus.last)
    let fields = vcpu.fields
    #expect(fields["EPT_POINTER"] == 0 && fields["GUEST_CR3"] == 0 && fields["GUEST_RIP"] == 0xfff0)
    #expect((fields["VM_ENTRY_CONTROLS"] ?? 0) & 0x8200 == 0x8000)
    #expect(vcpu.registers["cr0"] == 0x6000_0010 && vcpu.mpState == 1 && vcpu.apicID == 4)
  }

  @Test func manyVCPUsNeedATreeOfNodes() throws {
    let vcpus = (0..<70).map { "  vcpu apic \($0)" }.joined(separator: "\n")
    let host = try HostRecipe("host ram 48M cpus 4\nguest a ram 0-8M linux 6.1.0-a\n" + vcpus).build()
    let guest = try #require(host.guests.first)
    let root = host.kernel.tables.root
    let head = host.memory.load(try #require(host.translate(guest.kvm.virtual + 4400, root: root)))
    let top = try #require(host.translate(head - 2, root: root))
    #expect(host.memory.page(top >> 12)[Int(top & 0xfff)] == 6)
    let node = try #require(host.translate(host.memory.load(top + 40 + 8) - 2, root: root))
    let last = host.translate(host.memory.load(node + 40 + 5 * 8), root: root)
    #expect(last == guest.vcpus[69].vcpuAddress)
    #expect(Set(guest.vcpus.map(\.vmcs)).count == 70)
  }

  @Test func oneZeroFrameServesAllZeroPages() throws {
    let host = try HostRecipe("host ram 32M\nguest a ram 0-4M zero-share\n  zero 1M-2M").build()
    let guest = try #require(host.guests.first)
    let leaves = (256..<512 as Range<UInt64>).map { guest.leaf($0 << 12) }
    #expect(Set(leaves.map { $0.map { $0.address } }).count == 1)
    #expect(leaves.allSatisfy { ($0?.entry ?? 0) & 0x0600_0000_0000_0fff == 0x975 })
    #expect(guest.page(300) == SparseMemory.zeroPage)
  }

  @Test func aFakeIsTheRegionByteForByte() throws {
    let host = try HostRecipe("host ram 32M\nguest a ram 0-6M linux 6.1.0-a\n  fake 0x300000 a 0").build()
    let guest = try #require(host.guests.first)
    #expect(guest.page(0x300) == host.memory.page(guest.vcpus[0].vmcs >> 12))
    #expect(guest.page(0x300)?.prefix(4) == [0x2b, 0, 0, 0])
  }

  @Test func pokesStandWhereTheyAreTold() throws {
    let text =
      "host ram 32M\nu64 0x1234568 0x1122334455667788\nfill 0x1300ffe 0xa5 4\nguest a ram 0-4M\n  u64 0x200008 7"
    let host = try HostRecipe(text).build()
    #expect(host.memory.load(0x123_4568) == 0x1122_3344_5566_7788)
    #expect(
      host.memory.page(0x1300)[0xffd...] == [0, 0xa5, 0xa5] && host.memory.page(0x1301)[0..<3] == [0xa5, 0xa5, 0])
    #expect(try #require(host.guests.first?.page(0x200))[0..<16] == [0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func largePagesBackWhatTheyFit() throws {
    let text = "host ram 5G\nguest a ram 0-1G+4M backing 1G linux 6.1.0-a\n  hva-only 1G+2M-1G+2M+4K"
    let host = try HostRecipe(text).build()
    let guest = try #require(host.guests.first)
    let table = { (gpa: UInt64) in (guest.leaf(gpa)?.entry ?? 0) & 0x80 != 0 }
    #expect(guest.backing.runs.map { $0.gfn.count } == [1 << 18, 512, 512])
    #expect(table(0x1234_5000) && table(0x4000_0000) && !table(0x4020_1000))
    #expect(guest.leaf(0x4020_0000) == nil)
    let root = guest.processTables.root
    #expect(host.translate(guest.hostVirtual[0].hva + 0x1234_5678, root: root) == guest.leaf(0x1234_5678)?.address)
  }

  @Test func holesAndDropsAreNoPages() throws {
    let host = try HostRecipe("host ram 32M\nhole 8M-9M\ndrop 10M-11M\nguest a ram 0-4M").build()
    let stored = Set(host.storedFrames(level: 0))
    #expect(!host.space.isRAM(0x800) && !host.space.isRAM(0xa0) && host.space.isRAM(0xa00))
    #expect(stored.isDisjoint(with: 0x800..<0x900) && stored.isDisjoint(with: 0xa00..<0xb00))
    #expect(stored.contains(0x9ff) && stored.contains(0x900) && stored.contains(0xb00))
  }
}

import Foundation
import HostRecipes
import Testing

/// The builder itself: what a recipe says stands in memory and in the files, seen by readers that share nothing with
/// the writers.
@Suite struct RecipeTests {
  static let example = """
    host ram 96M cpus 2 layout bochs-2.7 kernel 6.1 seed 7   # two guests
    guest web ram 0-8M 4G-4G+2M backing 2M linux 6.1.0-test
      vcpu apic 0 vmcs 0x4b3a000
      vcpu apic 1 halted
    guest db ram 0-4M backing 4K shuffled nolinux
      vcpu
      filter 1M-1M+64K
      hva-only 0xa0000-0xc0000
      untouched 2M-2M+32K
      swapped 0x300000-0x304000
      device 0xfd000000-0xfd002000
    share web 0x700000 db 0x3f0000
    """

  /// Built once for all tests.
  static let host: BuiltHost? = try? HostRecipe(example).build()

  @Test(arguments: [
    ("host ram 1X", 1, "ram: '1X' is no number"),
    ("host layout none", 1, "no layout 'none'"),
    ("\n\n  vcpu", 3, "no guest to which 'vcpu' belongs"),
    ("guest a\nguest a", 2, "two 'a'"),
    ("guest a frob", 1, "guest: 'frob' is not understood"),
    ("u64 0x10 1 2", 1, "'2' is not understood"),
  ])
  func mistakesNameTheirLine(text: String, line: Int, reason: String) {
    #expect(throws: RecipeMistake(line: line, text: reason)) { try HostRecipe(text) }
  }

  @Test func aRegionOutsideRAMIsRefusedWhenBuilding() throws {
    let recipe = try HostRecipe("host ram 64M\nguest a\n  vcpu vmcs 0x10000000")
    let reason = "host: frame 10000 for vmcs is taken or no RAM"
    #expect(throws: RecipeMistake(line: 3, text: reason)) { try recipe.build() }
  }

  @Test func theSameTextGivesTheSameBytes() throws {
    let text = "host ram 32M seed 3\nguest a ram 0-4M linux 6.1.0-a"
    #expect(try HostRecipe(text).build().kdump(.zstd) == HostRecipe(text).build().kdump(.zstd))
    let other = "host ram 32M seed 4\nguest a ram 0-4M linux 6.1.0-a"
    #expect(try HostRecipe(text).build().kdump(.zstd) != HostRecipe(other).build().kdump(.zstd))
  }

  @Test func fieldsStandWhereTheLayoutHasThem() throws {
    let host = try #require(Self.host)
    let vcpu = try #require(host.guest("web")?.vcpus.first)
    #expect(vcpu.vmcs == 0x4b3a000)
    let page = host.memory.page(vcpu.vmcs >> 12)
    #expect(RecipeReaders.le(page, 0, 8) == 0x2b)
    // Bochs: 0x10 + 4 * (64 * type + low bits of the encoding); GUEST_RIP is 0x681e, type 3 * 4 + 2.
    #expect(RecipeReaders.le(page, 0x10 + 4 * (64 * 14 + 0x1e), 8) == vcpu.registers["rip"])
    // GUEST_CS_AR_BYTES is 0x4816, type 2 * 4 + 2, rotated left by 8.
    #expect(RecipeReaders.le(page, 0x10 + 4 * (64 * 10 + 0x16), 4) == 0x00a0_9b00)
  }

  @Test(arguments: ["intel-haswell", "intel-skylake", "intel-sandybridge", "kvm-vmcs12", "bochs-3.0"])
  func everyLayoutTakesItsForm(id: String) throws {
    let host = try HostRecipe("host ram 32M layout \(id)\nguest a ram 0-4M linux 6.1.0-a").build()
    let vcpu = try #require(host.guests.first?.vcpus.first)
    let page = host.memory.page(vcpu.vmcs >> 12)
    let place = try #require(host.layout.fields["GUEST_LDTR_AR_BYTES"])
    let forms: [String: UInt64] = ["packed16": 0x882, "bochs-rotated": 0x0100_8200, "sdm32": 0x10082]
    #expect(RecipeReaders.le(page, 0, 4) == UInt64(host.layout.revision))
    #expect(RecipeReaders.le(page, place.offset, place.width) == forms[host.layout.form])
    #expect(host.memory.page((host.vmxonRegions.first ?? 0) >> 12).filter { $0 != 0 } == page[0..<4].filter { $0 != 0 })
  }

  @Test func eptLeadsToExactlyTheMappedPages() throws {
    let host = try #require(Self.host)
    for guest in host.guests {
      for gfn in guest.ranges.joined() {
        let leaf = guest.leaf(gfn << 12)
        let status = guest.status(gfn)
        #expect((leaf != nil) == (status == .mapped || status == .filtered), "\(guest.name) \(gfn) \(status)")
        if let leaf, let page = guest.page(gfn) { #expect(host.memory.page(leaf.address >> 12) == page) }
      }
      #expect(guest.leaf(0xfec0_0000) == nil)
    }
    let db = try #require(host.guest("db"))
    let counts = Dictionary(grouping: db.ranges.joined(), by: { db.status($0) }).mapValues(\.count)
    #expect(counts == [.mapped: 1024 - 16 - 32 - 8 - 4, .filtered: 16, .hvaOnly: 32, .untouched: 8, .swapped: 4])
    #expect(db.status(0xfd001) == .device)
    #expect(host.space.isRAM((db.leaf(0xfd00_1000)?.address ?? 0) >> 12) == false)
    let web = try #require(host.guest("web"))
    #expect(web.leaf(0x70_0123)?.address == db.leaf(0x3f_0123)?.address)
    #expect((web.leaf(0x20_0000)?.entry ?? 0) & 0xfff == 0xbf7)
  }

  @Test func theProcessMapsTheGuestAtAConstantDistance() throws {
    let host = try #require(Self.host)
    for guest in host.guests {
      let root = guest.vcpus[0].fields["HOST_CR3"] ?? 0
      for block in guest.hostVirtual {
        for page in 0..<block.pages {
          let found = host.translate(block.hva + page << 12, root: root & ~0xfff)
          #expect(found.map { $0 >> 12 } == guest.backing.frame(block.gfn + page))
        }
      }
    }
  }

  @Test func hostEvidenceHoldsFromVMCoreInfoOn() throws {
    let host = try #require(Self.host)
    let keys = RecipeReaders.keys(Array(host.kernel.vmcoreInfo.utf8))
    let swapper = try #require(keys["SYMBOL(swapper_pg_dir)"].flatMap { UInt64($0, radix: 16) })
    let physBase = try #require(keys["NUMBER(phys_base)"].flatMap { Int64($0) })
    let root = swapper &- 0xffff_ffff_8000_0000 &+ UInt64(bitPattern: physBase)
    #expect(host.translate(swapper, root: root) == root)
    for guest in host.guests {
      for vcpu in guest.vcpus {
        let process = (vcpu.fields["HOST_CR3"] ?? 0) & ~0xfff
        for entry in 256..<512 as Range<UInt64> {
          #expect(host.memory.load(process + entry * 8) == host.memory.load(root + entry * 8))
        }
        #expect(host.translate(vcpu.fields["HOST_RSP"] ?? 0, root: process) != nil)
        // loaded_vmcs stands 184 bytes before the VM-entry MSR load area and names the region.
        let load = vcpu.fields["VM_ENTRY_MSR_LOAD_ADDR"] ?? 0
        let region = host.memory.load(load - 184)
        #expect(host.translate(region, root: root) == vcpu.vmcs)
        // The vCPU names its VM, and slot vcpu_idx of the VM's array names the vCPU.
        let object = load - 6976
        let kvm = host.memory.load(object)
        let head = try #require(host.translate(kvm + 4400, root: root))
        let node = host.memory.load(head)
        #expect(node & 3 == 2)
        let slot = try #require(host.translate(node - 2 + 40 + UInt64(vcpu.vcpuID) * 8, root: root))
        #expect(host.translate(host.memory.load(slot), root: root) == object)
      }
    }
  }

  @Test func kvmKnowsItsMachinesAndTheirSlots() throws {
    let host = try #require(Self.host)
    let root = host.kernel.tables.root
    func load(_ address: UInt64) throws -> UInt64 {
      host.memory.load(try #require(host.translate(address, root: root)))
    }
    var machines: [UInt64] = []
    var node = try load(host.vmList)
    while node != host.vmList && machines.count < 10 {
      #expect(try load(load(node + 8)) == node)
      machines.append(node - 4472)
      node = try load(node)
    }
    #expect(machines == host.guests.reversed().map(\.kvm.virtual))
    func slots(_ node: UInt64) throws -> [[UInt64]] {
      guard node != 0 else { return [] }
      let here = try [node + 48, node + 56, node + 120, node + 132].map { try load($0 & ~7) }
      return try slots(load(node + 16)) + [here] + slots(load(node + 8))
    }
    for guest in host.guests {
      let set = try load(guest.kvm.virtual + 4376)
      let found = try slots(load(set + 32))
      #expect(found.map { $0[0] } == found.map { $0[0] }.sorted())
      for block in guest.hostVirtual {
        #expect(found.contains { $0[0] == block.gfn && $0[1] == block.pages && $0[2] == block.hva })
      }
      // KVM's own, and the devices'.
      #expect(found.count == guest.hostVirtual.count + 1 + guest.spec.devices.count)
    }
  }

  @Test func guestsAndVCPUsHaveTheirOrder() throws {
    let text = """
      host ram 48M
      guest late ram 0-2M
        vcpu vmcs 0x2000000 apic 5
        vcpu vmcs 0x1800000 apic 1 xapic
      guest early ram 0-2M
        vcpu vmcs 0x1900000
        vcpu vmcs 0x1700000
      """
    let host = try HostRecipe(text).build()
    #expect(host.liveGuests.map(\.name) == ["early", "late"])
    let vcpus = try #require(host.guest("late")).orderedVCPUs
    #expect(vcpus.map(\.vmcs) == [0x180_0000, 0x200_0000])
    let ids = vcpus.map { host.memory.load(($0.fields["VIRTUAL_APIC_PAGE_ADDR"] ?? 0) + 0x20) & 0xffff_ffff }
    #expect(ids == [0x100_0000, 5])
  }

  @Test func whatARunningAndAHaltedVCPUHoldDiffers() throws {
    let host = try #require(Self.host)
    let vcpus = try #require(host.guest("web")).vcpus
    let objects = vcpus.map(\.vcpuAddress)
    #expect(vcpus.map(\.state) == [.running, .halted])
    #expect(objects.map { host.memory.load($0 + 432) } == [0xff00_ffef, 0x1_0000_fe21_ffef])
    let rip = objects.map { host.memory.load($0 + 296 + 128) }
    #expect(rip[0] != vcpus[0].registers["rip"])
    #expect(rip[1] == vcpus[1].registers["rip"])
    #expect(vcpus[1].fields["GUEST_RIP"] == rip[1] - 1)
    for (vcpu, object) in zip(vcpus, objects) {
      let cr0 = ((vcpu.fields["GUEST_CR0"] ?? 0) & 0x10008) | ((vcpu.fields["CR0_READ_SHADOW"] ?? 0) & ~0x10008)
      #expect(cr0 == vcpu.registers["cr0"])
      #expect(host.memory.load(object + 296) == vcpu.registers["rax"])
      #expect(host.memory.load(object + 296 + 120) == vcpu.registers["r15"])
    }
  }

  @Test func aLinuxGuestIsFoundByItsOwnVMCoreInfo() throws {
    let host = try #require(Self.host)
    let guest = try #require(host.guest("web"))
    let note = try #require(
      guest.ranges.joined().first { gfn in
        guest.page(gfn).map { $0[0..<4] == [11, 0, 0, 0] && $0[12..<22] == Array("VMCOREINFO".utf8)[...] } ?? false
      })
    let keys = RecipeReaders.keys(RecipeReaders.notes(try #require(guest.page(note)), named: "VMCOREINFO").first ?? [])
    #expect(keys["OSRELEASE"] == "6.1.0-test")
    let names = try #require(keys["SYMBOL(init_uts_ns)"].flatMap { UInt64($0, radix: 16) })
    let physBase = try #require(keys["NUMBER(phys_base)"].flatMap { Int64($0) })
    for vcpu in guest.vcpus {
      let place = try #require(guest.translate(names, cr3: vcpu.registers["cr3"]))
      #expect(place == names &- 0xffff_ffff_8000_0000 &+ UInt64(bitPattern: physBase))
      let page = try #require(guest.page(place >> 12))
      let start = Int(place & 0xfff)
      #expect(String(decoding: page[start..<start + 5], as: UTF8.self) == "Linux")
      #expect(String(decoding: page[start + 130..<start + 140], as: UTF8.self) == "6.1.0-test")
      #expect(guest.translate(vcpu.registers["rip"], cr3: vcpu.registers["cr3"]) != nil)
      #expect(guest.translate(vcpu.registers["rsp"], cr3: vcpu.registers["cr3"]) != nil)
    }
  }
}

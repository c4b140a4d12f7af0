import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Guests whose memory the host's kernel tells by slots and the VMM's page tables: all of it, whatever EPT has at the
/// moment.
@Suite struct WholeGuestTests {
  private func recipe(_ kernel: String) -> String {
    """
    host ram 64M cpus 2 kernel \(kernel)
    guest a ram 0-4M 4G-4G+2M linux 6.1.0-a
      hva-only 0xa0000-0xe0000 1M-1M+32K 4G+1M-4G+2M
      swapped 2M-2M+16K
      untouched 3M-3M+64K
      filter 3M+512K-3M+544K
    guest b ram 0-4M backing 2M shuffled linux 6.12.0-b
      hva-only 1M-1M+4K
    """
  }

  @Test(arguments: DescribedHostSplitTests.kernels)
  func everyPageOfTheSlotsIsThere(kernel: String) throws {
    let run = try SplitRun(recipe(kernel))
    #expect(run.manifest.discovery?.way == "kernel")
    for guest in run.host.liveGuests {
      try run.expectExact(guest)
      let entry = try run.entry(guest)
      let slots = try #require(entry.slots)
      #expect(slots.map { $0.gpa.value >> 12 } == guest.hostVirtual.map(\.gfn))
      #expect(slots.map { $0.bytes >> 12 } == guest.hostVirtual.map(\.pages))
      #expect(slots.map(\.hva.value) == guest.hostVirtual.map(\.hva))
      #expect(entry.ram.map { $0.end.value - $0.start.value } == guest.ranges.map { UInt64($0.count) << 12 })
    }
    #expect(run.manifest.warnings.map(\.code) == [])
    #expect(run.manifest.exitStatus == .incomplete, "swapped and filtered pages are missing")
  }

  /// What the VMM's page tables say of pages that are not mapped as usual; kernels before 5.19 have no markers. One that
  /// says that a page is write-protected says nothing of whether there is one.
  @Test(arguments: DescribedHostSplitTests.kernels)
  func everyKindOfEntryIsTold(kernel: String) throws {
    let run = try SplitRun(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-4M 4G-4G+1M linux 6.1.0-a
        prot-none 4G-4G+64K 4G+512K-4G+516K
        migrating 4G+64K-4G+128K
        zero-page 4G+128K-4G+256K
        hwpoison 4G+256K-4G+260K
        device-private 4G+260K-4G+268K
        swapped 4G+268K-4G+280K
        userfault 4G+280K-4G+296K
      \(["4.18", "5.10", "5.14"].contains { kernel.hasPrefix($0) } ? "" : Self.markers)
      """)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    #expect(run.manifest.warnings.map(\.code) == [])
  }

  private static let markers = """
      poison-marker 4G+296K-4G+300K
      untouched 4G+300K-4G+308K
      protection-marker 4G+300K-4G+308K
    """

  /// As ELF, from ELF, by one worker and by several, in windows: the way of a page does not matter.
  @Test func everyWayGivesTheSamePages() throws {
    let first = try SplitRun(recipe("6.1 symbols types"))
    var options = SplitRun.Options()
    options.format = "elf"
    let elf = try SplitRun(first.host, options)
    for guest in first.host.liveGuests {
      try elf.expectExact(guest)
      #expect(try first.pages(guest) == elf.pages(guest))
    }
    options = SplitRun.Options()
    options.memory.extents = 100
    let windows = try SplitRun(first.host, options)
    #expect(try windows.files() == first.files())
  }

  /// What EPT maps and no slot has is none of the guest's memory, whoever's it is.
  @Test func whatNoSlotHasIsLeftOut() throws {
    let run = try SplitRun(
      """
      host ram 64M cpus 2 kernel 6.1 symbols types
      guest a ram 0-4M linux 6.1.0-a
        stray 5M-5M+8K at 32M
      guest b ram 0-4M linux 6.1.0-b
      """)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    let warnings = run.manifest.warnings.filter { $0.code == .map_differs }
    #expect(warnings.count == 1 && warnings.allSatisfy { $0.text.contains("2 pages, the first at GPA 0x500000") })
  }

  /// A VMCS keeps the address of tables that KVM has given up since, and that hold what another tenant wrote by now.
  @Test(arguments: [UInt64.max, 0x1234_5000])
  func tablesThatKVMHasGivenUpAreNotRead(current: UInt64) throws {
    var host = try HostRecipe(recipe("6.1 symbols types")).build()
    let guest = try #require(host.guest("a"))
    let other = try #require(host.guest("b"))
    let shape = host.shape
    for vcpu in guest.vcpus {
      let mmu = vcpu.vcpuAddress + shape.registers + shape.vcpu.mmu + 8
      host.space.memory.store(current, at: mmu + shape.vcpu.rootHPA)
    }
    host.space.memory.setWords(host.memory.words(other.eptPointer >> 12), frame: guest.eptPointer >> 12)
    let run = try SplitRun(host)
    let pages = try run.pages(guest)
    let wanted = guest.ranges.joined().filter { [.mapped, .hvaOnly].contains(guest.status($0)) }
    #expect(Set(pages.keys) == Set(wanted))
    for gfn in wanted { #expect(pages[gfn] == guest.page(gfn)) }
    #expect(try run.entry(guest).pages.ept == 0)
    #expect(try run.entry(guest).eptp == [])
    try run.expectExact(other)
  }

  /// A slot that cannot be read: the others are whole, and of that one there is what EPT maps.
  @Test(arguments: ["5.14 symbols types", "6.1 symbols types", "7.3 symbols types"])
  func aLostSlotIsSaid(kernel: String) throws {
    let host = try HostRecipe(recipe(kernel)).build()
    let guest = try #require(host.guest("a"))
    let shape = host.shape
    let slot: BuiltStructure
    if shape.kvm.isXArray {
      slot = try #require(host.structures("kvm_memory_slot", of: "a").first)
    } else {
      slot = try #require(host.structures("kvm_memslots", of: "a").first)
    }
    let run = try SplitRun(host.overwriting(slot, with: 0xee))
    let warnings = run.manifest.warnings.filter { $0.code == .lost_slots }
    #expect(warnings.count == 1, "\(run.manifest.warnings)")
    #expect(run.manifest.exitStatus == .incomplete)
    let pages = try run.pages(guest)
    for gfn in guest.ranges.joined() {
      let status = guest.status(gfn)
      if status == .mapped { #expect(pages[gfn] == guest.page(gfn), "\(gfn)") }
      if let page = pages[gfn] { #expect(page == guest.page(gfn), "\(gfn)") }
    }
    #expect(pages.keys.allSatisfy { [.mapped, .hvaOnly].contains(guest.status($0)) })
    if let other = host.guest("b") { try run.expectExact(other) }
  }

  /// A list of a huge host would read gigabytes of tables to count: it says that it does not.
  @Test func aListCountsUpToItsLimit() throws {
    let host = try HostRecipe(recipe("6.1 symbols types")).build()
    let directory = try RecipeDirectory()
    let path = try directory.write(host.kdump(.lzo), as: "host.dump")
    var options = Inspection.Options(.list, workers: Workers(count: 2))
    let counted = try Inspection.run(path: path, options).manifest()
    options.tableLimit = 3
    let uncounted = try Inspection.run(path: path, options).manifest()
    #expect(uncounted.warnings.map(\.code) == [.not_counted])
    #expect(uncounted.exitStatus == .complete)
    #expect(uncounted.guests.map(\.name) == counted.guests.map(\.name))
    #expect(uncounted.guests.map(\.osrelease) == counted.guests.map(\.osrelease))
    for (one, other) in zip(counted.guests, uncounted.guests) {
      #expect(other.pages.known == nil && other.pages.ept == nil && other.pages.slots == nil)
      #expect(one.pages.known != nil && one.ram.map(\.end) == other.ram.map(\.end))
    }
    options.scans = true
    #expect(try Inspection.run(path: path, options).manifest().guests[0].pages.known == counted.guests[0].pages.known)
  }
}

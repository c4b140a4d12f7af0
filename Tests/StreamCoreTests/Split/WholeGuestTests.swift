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
        device 5M-5M+8K at 32M
      guest b ram 0-4M linux 6.1.0-b
      """)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    let warnings = run.manifest.warnings.filter { $0.code == .map_differs }
    #expect(warnings.count == 1 && warnings.allSatisfy { $0.text.contains("2 pages, the first at GPA 0x500000") })
  }
}

import HostModel
import HostRecipes
@testable import StreamCore
import Testing

/// Guests of a host whose kernel tells no slots: what EPT maps, and what their VMMs' page tables have between.
@Suite struct JoinedGuestTests {
  /// Shapes of 6.1 would tell the slots; nobody knows those of 5.10.
  private static let kernels = ["5.10", "6.1", "6.12 la57", "6.1 pti"]

  private func run(_ recipe: String, _ change: (inout SplitRun.Options) -> Void = { _ in }) throws -> SplitRun {
    var options = SplitRun.Options()
    options.usesShapes = false
    change(&options)
    return try SplitRun(recipe, options)
  }

  private func recipe(_ kernel: String) -> String {
    """
    host ram 64M cpus 2 kernel \(kernel)
    guest a ram 0-8M 4G-4G+2M linux 6.1.0-a levels \(kernel.contains("la57") ? 5 : 4)
      hva-only 0xa0000-0xe0000 1M-1M+32K 2M-2M+900K 4G+1M-4G+1M+256K
      prot-none 4G-4G+64K 4G+512K-4G+516K
      zero-page 4G+128K-4G+256K
      swapped 5M+16K-5M+32K
      untouched 5M+64K-5M+128K
      filter 5M+512K-5M+544K
    guest b ram 0-8M backing 2M shuffled linux 6.12.0-b
      hva-only 1M-1M+4K
    """
  }

  @Test(arguments: kernels)
  func whatTheVMMHasBetweenIsThere(kernel: String) throws {
    let run = try run(recipe(kernel))
    for guest in run.host.liveGuests {
      try run.expectExact(guest)
      let entry = try run.entry(guest)
      #expect(entry.slots == nil && entry.pages.slots == nil && entry.pages.join ?? 0 > 0)
    }
    let guest = try #require(run.host.guest("a"))
    #expect(try run.entry(guest).pages.absent["swapped"] == 4)
    let texts = run.manifest.warnings.filter { $0.code == .unknown_slots }.map(\.text)
    #expect(texts.count == 2)
    #expect(texts.allSatisfy { $0.contains("blocks that EPT never touched cannot be known") })
  }

  /// Pages that are being moved have no frame for one who does not know the kernel's swap entries.
  @Test func movingPagesAreAbsent() throws {
    let run = try run(
      """
      host ram 64M kernel 6.1
      guest a ram 0-8M linux 6.1.0-a
        migrating 2M+64K-2M+128K
      """)
    let guest = try #require(run.host.guest("a"))
    try run.expectExact(guest)
    #expect(try run.entry(guest).pages.absent["swapped"] == 16)
    #expect(run.manifest.exitStatus == .incomplete)
  }

  @Test func everyWayGivesTheSamePages() throws {
    let first = try run(recipe("6.1"))
    let windows = try run(recipe("6.1")) { $0.memory.extents = 100 }
    #expect(try windows.files() == first.files())
    let single = try run(recipe("6.1")) { $0.threads = 1 }
    #expect(try single.files() == first.files())
    let elf = try run(recipe("6.1")) { $0.format = "elf" }
    for guest in first.host.liveGuests { #expect(try first.pages(guest) == elf.pages(guest)) }
  }

  /// Twins whose pages KSM merged, and a third VM that the first one's VMM runs as well: to each its own.
  @Test func mergedPagesAndASecondVMOfOneVMM() throws {
    var text = """
      host ram 64M kernel 6.1 secrets
      guest a ram 0-8M linux 6.1.0-a
        hva-only 2M-2M+512K
      guest b ram 0-8M linux 6.1.0-b
        hva-only 2M+256K-3M
      guest c of a ram 0-8M linux 6.1.0-c
        hva-only 1M+16K-2M
        untouched 2M+512K-2M+640K

      """
    for page in 0..<64 {
      let address = 3 << 20 + page << 12
      text += "share a \(address) \(page % 2 == 0 ? "b" : "c") \(address)\n"
    }
    let run = try run(text)
    #expect(run.manifest.guests.count == 3)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
  }

  /// Few of a guest's frames are in EPT, as after a move to this host.
  @Test func aSparseEPT() throws {
    let ranges = (0..<40).map { "\(1024 + $0 * 64 + 8)K-\(1024 + $0 * 64 + 64)K" }.joined(separator: " ")
    let run = try run("host ram 64M kernel 6.1\nguest a ram 0-8M nolinux\n  hva-only \(ranges)")
    try run.expectExact(try #require(run.host.guest("a")))
  }
}

import HostRecipes
@testable import StreamCore
import Testing

/// Guests whose pages the host has swapped out and has in memory all the same.
@Suite struct SwappedGuestTests {
  /// The forms that swap's structures have had.
  private static let kernels = [
    "4.18 symbols types builtin", "5.10 symbols types builtin", "5.14 symbols types", "6.1 symbols types",
    "6.12 symbols types", "7.3 symbols types",
  ]

  private func expectExact(_ recipe: String, _ options: SplitRun.Options = .init()) throws -> SplitRun {
    let run = try SplitRun(recipe, options)
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    #expect(run.manifest.warnings.map(\.code) == [])
    return run
  }

  private static func recipe(_ kernel: String, _ zswap: String) -> String {
    """
    host ram 64M cpus 2 kernel \(kernel)
    zswap \(zswap)
    guest a ram 0-4M 4G-4G+1M linux 6.1.0-a
      zswapped 1M-1M+64K 4G-4G+128K 4G+256K-4G+260K
      swapped 4G+512K-4G+520K
      swap-cached 1M+128K-1M+160K
    guest b ram 0-4M 4G-4G+1M linux 6.12.0-b in memfd
      zswapped 1M-1M+32K
      cache-zswapped 4G-4G+128K
      cache-swapped 4G+512K-4G+516K
    """
  }

  @Test(arguments: kernels, ["lzo zsmalloc", "lzo zbud"])
  func whatZswapHasIsThere(kernel: String, zswap: String) throws {
    let run = try expectExact(Self.recipe(kernel, zswap))
    #expect(try run.entry(run.host.guests[0]).pages.zswap == 16 + 32 + 1)
    #expect(try run.entry(run.host.guests[1]).pages.zswap == 8 + 32)
    #expect(run.manifest.exitStatus == .incomplete, "what is in swap alone is missing")
  }

  @Test(arguments: ["5.10 symbols types builtin", "7.3 symbols types"], ["lzo-rle", "deflate", "zstd", "lz4"])
  func everyCodecIsRead(kernel: String, codec: String) throws {
    _ = try expectExact(Self.recipe(kernel, "\(codec) zsmalloc"))
  }

  @Test(arguments: ["elf", "kdump"], [PageCodec.raw, .zlib, .zstd])
  func theyGoIntoEveryFormat(format: String, codec: PageCodec) throws {
    var options = SplitRun.Options()
    options.format = format
    options.codec = codec
    _ = try expectExact(Self.recipe("6.1 symbols types", "lzo zsmalloc"), options)
  }

  /// Windows of few extents, in which the map is walked again.
  @Test func theyComeByWindows() throws {
    var options = SplitRun.Options()
    options.memory.extents = 90
    let recipe = Self.recipe("6.12 symbols types", "zstd zsmalloc").replacing("linux", with: "shuffled linux")
    let run = try expectExact(recipe, options)
    #expect(run.manifest.counters["extract_windows"] ?? 0 > 1)
  }

  /// Since 6.18 what does not compress is kept as it is.
  @Test func whatDoesNotCompressIsThere() throws {
    let run = try expectExact(
      """
      host ram 64M cpus 2 kernel 7.3 symbols types
      zswap lzo zsmalloc
      guest a ram 0-4M linux 6.1.0-a
        noise 1M-1M+32K
        zswapped 1M-1M+64K
      """)
    #expect(try run.entry(run.host.guests[0]).pages.zswap == 16)
  }

  /// In the swap cache are large pages, too, and pages that nobody has read yet, with what was in their frames before.
  @Test(arguments: kernels)
  func whatTheSwapCacheHasIsThere(kernel: String) throws {
    let run = try SplitRun(
      """
      host ram 64M cpus 2 kernel \(kernel) secrets
      guest a ram 0-4M 4G-4G+1M linux 6.1.0-a
        swap-folios 16K 1M-1M+64K
        swap-cached 4G-4G+36K
        swap-reading 4G+64K-4G+80K
      """)
    let guest = run.host.guests[0]
    let entry = try run.entry(guest)
    #expect(entry.pages.slots == 16 + 9)
    #expect(entry.pages.absent == ["swapped": 4])
    let pages = try run.pages(guest)
    let cached = guest.ranges.joined().filter { guest.image.has($0, .swapCached) }
    #expect(cached.filter { pages[$0] != guest.page($0) } == [])
  }

  /// fallocate leaves pages in a file that hold what was in their frames before: no byte of them is the guest's.
  @Test(arguments: kernels)
  func whatNobodyHasClearedIsUntouched(kernel: String) throws {
    let run = try expectExact(
      """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-4M 4G-4G+1M linux 6.1.0-a in memfd
        cached 4G-4G+16K
        cache-unready 4G+16K-4G+64K
      """)
    #expect(try run.entry(run.host.guests[0]).pages.untouched == 12)
  }

  /// Of a page of zeros a kernel keeps a bit alone.
  @Test(arguments: ["6.12 symbols types", "7.3 symbols types"])
  func whatWasZeroIsZero(kernel: String) throws {
    let recipe = """
      host ram 64M cpus 2 kernel \(kernel)
      guest a ram 0-4M 4G-4G+1M linux 6.1.0-a
        swap-zero 1M-1M+64K 4G+256K-4G+260K
        swap-cached 1M+64K-1M+80K
        zswapped 1M+128K-1M+160K
      """
    let run = try expectExact(recipe)
    #expect(try run.entry(run.host.guests[0]).pages.absent == [:])
    #expect(run.manifest.exitStatus == .complete)
    // Bits that the dump lacks call no page zero.
    let name = kernel.hasPrefix("7") ? "swap_table" : "swap_info_struct"
    for structure in run.host.swapStructures where structure.name == name {
      let torn = try SplitRun(run.host.leavingOut(structure))
      let guest = run.host.guests[0]
      #expect(try torn.entry(guest).pages.absent["swapped"] ?? 0 > 0)
      #expect(try torn.pages(guest).allSatisfy { guest.page($0.key) == $0.value })
    }
  }

  @Test(arguments: ["842 zsmalloc", "lzo-fast zbud"])
  func aCodecThatIsNotOursIsSaid(zswap: String) throws {
    let run = try SplitRun(
      """
      host ram 64M cpus 2 kernel 6.1 symbols types
      zswap \(zswap)
      guest a ram 0-4M linux 6.1.0-a
        zswapped 1M+8K-1M+24K
      """)
    #expect(try run.entry(run.host.guests[0]).pages.absent == ["swapped": 4])
    let warnings = run.manifest.warnings.filter { $0.code == .zswap_unread }
    #expect(warnings.count == 1 && warnings[0].text.contains(zswap.prefix { $0 != " " }))
  }

  /// A guest's own tables can be swapped out, too: one page of it is read as all others are.
  @Test func aPageThatZswapHasCanBeShown() throws {
    let run = try SplitRun(Self.recipe("6.12 symbols types", "zstd zsmalloc"))
    let guest = run.host.guests[0]
    for gfn in 256..<272 as Range<UInt64> {
      let page = try run.inspection.page(GPA(frame: gfn), of: run.inspection.guests[0])
      #expect(page.bytes.elementsEqual(guest.page(gfn) ?? []), "\(gfn)")
    }
  }
}

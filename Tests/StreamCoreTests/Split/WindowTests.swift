import HostRecipes
import Testing

@testable import StreamCore

/// Hosts whose extents do not fit into memory: the frames are cut into windows, and nothing of it shows in the outputs.
@Suite struct WindowTests {
  private static let recipe = """
    host ram 128M
    guest a ram 0-16M 4G-4G+8M backing 4K shuffled linux 6.1.0-a
    guest b ram 0-12M backing 2M linux 6.1.0-b
    guest c ram 0-8M backing 4K shuffled linux 6.1.0-c
    share a 0x300000 c 0x200000
    share a 0x301000 c 0x400000
    """

  private func run(_ host: BuiltHost, extents: Int?, format: String = "kdump", threads: Int = 2) throws -> SplitRun {
    var options = SplitRun.Options()
    options.format = format
    options.threads = threads
    if let extents { options.memory.extents = extents }
    return try SplitRun(host, options)
  }

  @Test(arguments: ["kdump", "elf"])
  func anyNumberOfWindowsGivesTheSameBytes(format: String) throws {
    let host = try HostRecipe(Self.recipe).build()
    let whole = try run(host, extents: nil, format: format, threads: 1)
    #expect(whole.manifest.counters["extract_windows"] == 1)
    let files = try whole.files()
    #expect(files.count == 3)
    for guest in host.guests { try whole.expectExact(guest) }
    for (extents, threads) in [(5000, 1), (3000, 3), (700, 1), (90, 2)] {
      let cut = try run(host, extents: extents, format: format, threads: threads)
      #expect(try cut.files() == files, "\(extents) extents")
      #expect(try #require(cut.manifest.counters["extract_windows"]) > 1)
      // Several workers can come upon the shared zero page at once.
      if threads == 1 { #expect(cut.manifest.counters["bytes_pages"] == whole.manifest.counters["bytes_pages"]) }
    }
  }

  /// Pages of a guest wait until they are worth a write: how many may, nobody sees.
  @Test(arguments: [512 << 10, 2 << 20, 16 << 20] as [UInt64])
  func whatWaitsLeavesNoTrace(memory: UInt64) throws {
    let host = try HostRecipe(Self.recipe).build()
    let whole = try run(host, extents: nil)
    var options = SplitRun.Options()
    options.memory = MemoryBudget(total: memory)
    let little = try SplitRun(host, options)
    #expect(try little.files() == whole.files())
  }

  /// One frame at more places of a guest than one window may have.
  @Test(arguments: ["kdump", "elf"])
  func aFrameAtVeryManyPlacesIsCutByThem(format: String) throws {
    let host = try HostRecipe(
      """
      host ram 64M
      guest a ram 0-24M backing 4K shuffled zero-share linux 6.1.0-a
        zero 6M-22M
      guest b ram 0-4M backing 4K shuffled linux 6.1.0-b
      """
    ).build()
    let whole = try run(host, extents: nil, format: format)
    for guest in host.guests { try whole.expectExact(guest) }
    let cut = try run(host, extents: 800, format: format)
    #expect(try cut.files() == whole.files())
    #expect(try #require(cut.manifest.counters["extract_windows"]) > 5)
  }
}

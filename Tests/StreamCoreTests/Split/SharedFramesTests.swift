import HostRecipes
@testable import StreamCore
import Testing

/// Frames that guests share go to each of them, and are counted with the names of those who have them, too.
@Suite struct SharedFramesTests {
  private static let recipe = """
    guest a ram 0-8M backing 4K linux 6.1.0-a
      zero-page 3M-3M+64K
    guest b ram 0-8M backing 4K linux 6.12.0-b
      zero-page 3M-3M+64K
      hva-only 2M-2M+8K
    guest c ram 0-2M nolinux
    guest d ram 0-2M nolinux
    share a 0x100000 b 0x110000
    share a 0x101000 b 0x200000
    share a 0x102000 b 0x120000
    share a 0x102000 c 0x100000
    share b 0x130000 c 0x110000
    share a 0x103000 a 0x104000
    share d 0x100000 d 0x101000
    """

  private func host(_ kernel: String) -> String { "host ram 64M cpus 2 kernel \(kernel)\n" + Self.recipe }

  private func name(_ entry: Manifest.Guest, _ run: SplitRun) -> String? {
    run.host.guests.first { (try? run.entry($0).id) == entry.id }?.name
  }

  private func expectShares(_ run: SplitRun) throws {
    let wanted: [String: (frames: UInt64, others: [String])] = [
      "a": (3, ["b", "c"]), "b": (4, ["a", "c"]), "c": (2, ["a", "b"]), "d": (0, []),
    ]
    for guest in run.host.guests {
      let entry = try run.entry(guest)
      let want = try #require(wanted[guest.name])
      #expect(entry.pages.shared == want.frames, "\(guest.name)")
      let others = (entry.sharedWith ?? []).compactMap { other in
        run.manifest.guests.first { $0.name == other }.flatMap { name($0, run) }
      }
      #expect(others.sorted() == want.others, "\(guest.name)")
      #expect((entry.sharedWith == nil) == want.others.isEmpty)
    }
  }

  /// The kernel's zero pages are nobody's, and what a guest has twice it does not share.
  @Test(arguments: ["4.18 symbols types builtin", "6.1 symbols types", "7.3 symbols types"])
  func whoSharesHowMuchIsSaid(kernel: String) throws {
    let run = try SplitRun(host(kernel))
    for guest in run.host.liveGuests { try run.expectExact(guest) }
    try expectShares(run)
    #expect(run.manifest.warnings.map(\.code).allSatisfy { $0 == .no_identity })
  }

  /// Without symbols nobody knows which pages are the kernel's zero pages.
  @Test func withoutTypesAllTheSame() throws {
    let run = try SplitRun("host ram 64M cpus 2\n" + Self.recipe.replacing("  zero-page 3M-3M+64K\n", with: ""))
    try expectShares(run)
  }

  @Test func aListSaysItWithoutTheGuestsPages() throws {
    let host = try HostRecipe(host("6.1 symbols types")).build()
    let directory = try RecipeDirectory()
    let path = try directory.write(RecipeKdump(codec: .lzo, level: 31).file(of: host).0.bytes, as: "host.dump")
    var options = Inspection.Options(.list, workers: Workers(count: 2))
    let manifest = try Inspection.run(path: path, options).manifest()
    try ManifestSchema.expect(manifest)
    #expect(manifest.guests.compactMap(\.pages.shared).sorted() == [0, 2, 3, 4])
    // Where the tables are too many to be counted, nothing is said of it.
    options.tableLimit = 3
    let uncounted = try Inspection.run(path: path, options).manifest()
    #expect(uncounted.guests.allSatisfy { $0.pages.shared == nil && $0.sharedWith == nil })
    #expect(uncounted.warnings.filter { $0.code == .not_counted }.count == 1)
  }

  /// A few KiB for it are too few, and all else is as it was.
  @Test func withoutMemoryForItItIsSaid() throws {
    let host = try HostRecipe(host("6.1 symbols types")).build()
    let whole = try SplitRun(host)
    var options = SplitRun.Options()
    options.memory.sharing = 8192
    let run = try SplitRun(host, options)
    #expect(run.manifest.guests.allSatisfy { $0.pages.shared == nil && $0.sharedWith == nil })
    #expect(run.manifest.warnings.filter { $0.code == .not_counted }.count == 1)
    #expect(run.manifest.exitStatus == whole.manifest.exitStatus)
    #expect(try run.files() == whole.files())
  }
}

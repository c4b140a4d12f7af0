import HostRecipes
@testable import StreamCore
import Testing

/// What zswap and the swap cache hang on, damaged or missing: pages that come are the guest's own, and the rest is
/// missing. Nothing traps, and nothing goes round in circles.
@Suite struct SwapDamageTests {
  private static func host(_ kernel: String, _ zswap: String) throws -> BuiltHost {
    try HostRecipe("host ram 48M cpus 1 kernel \(kernel) secrets\nzswap \(zswap)\n" + guests).build()
  }

  private static let guests = """
    guest a ram 0-1M 4G-4G+64K nolinux
      zswapped 4G-4G+48K
    guest b ram 0-1M 4G-4G+64K nolinux
      zswapped 4G-4G+48K
    """

  /// - Returns: pages that came.
  private func expectOwnPages(_ host: BuiltHost, _ what: String) throws -> Int {
    let run = try SplitRun(host)
    var count = 0
    for guest in host.liveGuests {
      let pages = try run.pages(guest)
      for gfn in guest.ranges.joined() where guest.status(gfn) == .zswapped {
        guard let page = pages[gfn] else { continue }
        count += 1
        #expect(page.elementsEqual(guest.page(gfn) ?? []), "\(what): \(guest.name) \(gfn)")
      }
      let entry = try run.entry(guest)
      #expect(
        UInt64(pages.count) + entry.badPages.count + (entry.pages.absent["swapped"] ?? 0) >= entry.pages.known ?? 0,
        "\(what): all pages are counted")
    }
    return count
  }

  @Test(arguments: [
    ("5.10 symbols types builtin", "lzo zbud"), ("6.1 symbols types", "lzo zsmalloc"),
    ("7.3 symbols types", "zstd zsmalloc"),
  ])
  func damageCostsPagesAndGivesNone(kernel: String, zswap: String) throws {
    let host = try Self.host(kernel, zswap)
    #expect(try expectOwnPages(host, "whole") == 24)
    var names: Set<String> = []
    for structure in host.swapStructures where names.insert(structure.name).inserted {
      #expect(try expectOwnPages(host.overwriting(structure, with: 0xff), "\(structure.name) 0xff") < 24)
      #expect(try expectOwnPages(host.leavingOut(structure), "\(structure.name) missing") < 24)
    }
    #expect(names.count >= 4)
  }

  /// Two entries with each other's number, or with each other's handle.
  @Test(
    arguments: [
      ("5.10 symbols types builtin", "lzo zbud", 24, 48), ("7.3 symbols types", "lzo zsmalloc", 0, 24),
    ] as [(String, String, UInt64, UInt64)])
  func anEntryOfAnotherGuestGivesNoPage(kernel: String, zswap: String, number: UInt64, handle: UInt64) throws {
    let host = try Self.host(kernel, zswap)
    let entries = host.swapStructures.filter { $0.name == "zswap_entry" }.map { $0.parts[0].lowerBound }
    try #require(entries.count == 24)
    for place in [number, handle] {
      var torn = host
      for (one, other) in zip(entries.prefix(12), entries.suffix(12)) {
        let words = (host.space.memory.load(one + place), host.space.memory.load(other + place))
        torn.space.memory.store(words.1, at: one + place)
        torn.space.memory.store(words.0, at: other + place)
      }
      // Those that a word fills have no handle.
      #expect(try expectOwnPages(torn, "exchanged at \(place)") <= 24)
    }
  }

  /// Lengths that no page can have, or that are not the object's.
  @Test(arguments: [0, 1, 4097, 0xffff_ffff] as [UInt64])
  func aWrongLengthGivesNoPage(length: UInt64) throws {
    var host = try Self.host("7.3 symbols types", "lzo zsmalloc")
    for entry in host.swapStructures where entry.name == "zswap_entry" {
      host.space.memory.store(length, at: entry.parts[0].lowerBound + 8, width: 4)
    }
    #expect(try expectOwnPages(host, "length \(length)") == 0)
  }

  /// Trees and zspages that lead back to themselves.
  @Test func loopsEnd() throws {
    for (kernel, name, words) in [
      ("5.10 symbols types builtin", "zswap_entry", [8, 16]), ("7.3 symbols types", "zpdesc", [32]),
    ] as [(String, String, [UInt64])] {
      var host = try Self.host(kernel, "lzo zsmalloc")
      for structure in host.swapStructures where structure.name == name {
        let place = structure.parts[0].lowerBound
        for word in words {
          host.space.memory.store(
            name == "zpdesc" ? host.kernel.vmemmap : host.kernel.virtual(place), at: place + word)
        }
      }
      #expect(try expectOwnPages(host, name) < 24)
    }
  }
}

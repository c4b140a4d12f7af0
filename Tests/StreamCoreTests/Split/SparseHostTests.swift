import HostRecipes
import Foundation
@testable import StreamCore
import Testing

/// Hosts whose max_mapnr is far above their RAM, and processors without a second-level map.
@Suite struct SparseHostTests {
  /// The kdump of `host` with room for 2^38 frames (1 PiB) in both bitmaps: a sparse file of 64 GiB, of which nothing but
  /// what the small dump had takes room.
  private func stretched(_ host: BuiltHost) -> RecipeFile {
    let small = host.kdump(.lzo)
    let frames: UInt64 = 1 << 38
    let blocks = frames / 8 / 4096
    let start = (1 + RecipeReaders.le(small, 432, 4)) * 4096
    let half = RecipeReaders.le(small, 436, 4) / 2 * 4096
    let table = start + 2 * half
    let shift = 2 * blocks * 4096 - 2 * half
    var header = Array(small[..<Int(start)])
    header.replaceSubrange(436..<440, with: RecipeFile.le32(UInt32(2 * blocks)))
    header.replaceSubrange(440..<444, with: RecipeFile.le32(.max))
    header.replaceSubrange(4096 + 96..<4096 + 104, with: RecipeFile.le64(frames))
    var rest = Array(small[Int(table)...])
    let pages = RecipeReaders.kdump(small).pages.count
    for at in stride(from: 0, to: pages * 24, by: 24) {
      rest.replaceSubrange(at..<at + 8, with: RecipeFile.le64(RecipeReaders.le(rest, at, 8) + shift))
    }
    var file = RecipeFile()
    file.put(header, at: 0)
    file.put(Array(small[Int(start)..<Int(start + half)]), at: start)
    file.put(Array(small[Int(start + half)..<Int(table)]), at: start + blocks * 4096)
    file.put(rest, at: table + shift)
    return file
  }

  @Test func maxMapnrFarAboveRAMCostsNothing() throws {
    let host = try HostRecipe("host ram 0-64M 1T-1T+32M\nguest a ram 0-4M 1T-1T+2M backing 4K shuffled linux 6.1.0-a")
      .build()
    let directory = try RecipeDirectory()
    let path = try directory.write(stretched(host), as: "host.dump")
    let inspection = try Inspection.run(path: path, Inspection.Options(.page, workers: Workers(count: 2)))
    #expect(inspection.dump.summary.frames == 1 << 38)
    // The bitmaps' holes are not read: what is asked for is about what the small dump has.
    let asked = ReadPurpose.allCases.reduce(0) { $0 + inspection.dump.input.counters[$1] }
    #expect(asked < 64 << 20)
    let guest = try #require(inspection.guests.first)
    let mapped = host.guests[0].ranges.joined().filter { host.guests[0].status($0) == .mapped }
    #expect(guest.map.present.count == UInt64(mapped.count))
    for gfn in [mapped.first, mapped.last].compactMap({ $0 }) {
      #expect(try inspection.page(GPA(frame: gfn), of: guest).bytes == host.guests[0].page(gfn))
    }
  }

  @Test func aProcessorWithoutEPTIsNamedAndNotTakenForAHostWithoutGuests() throws {
    let host = try HostRecipe("host ram 64M layout intel-penryn\nguest a ram 0-4M linux 6.1.0-a").build()
    let directory = try RecipeDirectory()
    let path = try directory.write(host.kdump(.lzo), as: "host.dump")
    let what = "the guests of this host run without EPT: 1 VMCS regions (layout intel-penryn) use shadow paging"
    #expect(throws: Failure.unsupportedHost(what: what, remedy: "only guests with EPT can be split so far")) {
      try Inspection.run(path: path, Inspection.Options(.page, workers: Workers(count: 2)))
    }
  }
}

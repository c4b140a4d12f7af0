import HostModel
import Testing

@testable import host_maker

/// Frames, blocks and tables, which all come from arithmetic.
@Suite struct GeometryTests {
  @Test(arguments: [1, 2, 3, 511, 512, 1000, 4097] as [UInt64])
  func aPermutationReachesEveryPlaceOnceAndBack(_ count: UInt64) {
    let permutation = Permutation(count: count, seed: 5)
    let places = (0..<count).map { permutation($0) }
    #expect(Set(places).count == Int(count))
    #expect(places.allSatisfy { $0 < count })
    #expect(zip(0..<count, places).allSatisfy { permutation.inverse($1) == $0 })
  }

  @Test(arguments: Backing.allCases)
  func everyGuestPageHasAFrameOfItsOwnInRAM(_ backing: Backing) throws {
    let options = HostOptions(size: 256 << 20, guestSize: 192 << 20, guests: 4, backing: backing)
    let geometry = try Geometry(options)
    var seen: Set<UInt64> = []
    var neighbours = 0
    for guest in geometry.guests {
      for block in 0..<guest.blocks {
        let frames = (0..<512 as Range<UInt64>).map { geometry.frame(guest, block: block, page: $0) }
        seen.formUnion(frames)
        neighbours += zip(frames, frames.dropFirst()).count { $1 == $0 + 1 }
        #expect(frames.allSatisfy { frame in geometry.ram.contains { $0.contains(frame) } })
        #expect(frames.allSatisfy { $0 >= geometry.tables.upperBound })
      }
    }
    #expect(seen.count == 192 << 8)
    let all = 192 / 2 * 511
    switch backing {
    case .huge: #expect(neighbours == all)
    case .shuffled: #expect(neighbours < all / 100)
    case .half: #expect(neighbours >= all / 2 && neighbours < all * 51 / 100)
    }
  }

  @Test func tablesOfAGuestAcrossTheHoleLeadToItsFrames() throws {
    // 4 GiB of RAM: 3 below the hole, 1 above it.
    let options = HostOptions(size: 8 << 30, guestSize: 4 << 30, guests: 1, backing: .shuffled)
    let geometry = try Geometry(options)
    let guest = geometry.guests[0]
    let pages = EPTPages(geometry: geometry)
    for gpa in [0, 0x12_3000, 0xbfff_f000, 0x1_0000_0000, 0x1_3fff_f000] as [UInt64] {
      var words = SparseMemory.zero
      var frame = pages.pointer(guest) >> 12
      for level in [3, 2, 1, 0] as [UInt64] {
        #expect(geometry.tables.contains(frame))
        pages.fill(&words, frame: frame)
        frame = words[Int(gpa >> (12 + 9 * level) & 511)] >> 12 & 0xff_ffff_ffff
      }
      #expect(frame == geometry.frame(guest, gpa: gpa))
    }
    #expect(geometry.frame(guest, gpa: 0xc000_0000) == nil)
    #expect(geometry.frame(guest, gpa: 0x1_4000_0000) == nil)
  }
}

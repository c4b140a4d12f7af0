import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Memory without notes: LiME's images, and raw files with a table of ranges.
@Suite struct RangeDumpTests {
  private static func page(_ frame: UInt64) -> [UInt8] {
    (0..<4096).map { UInt8(truncatingIfNeeded: UInt64($0) / 16 &* 3 &+ frame &* 7 &+ 1) }
  }

  /// Frames 1 to 4, the last one in part, and 0x100000 (4 GiB) alone.
  private static let image: [UInt8] = {
    var bytes = RecipeMemory.limeHeader(0x1000, 0x47ff)
    for frame in 1...3 as ClosedRange<UInt64> { bytes += page(frame) }
    bytes += page(4).prefix(0x800)
    bytes += RecipeMemory.limeHeader(0x1_0000_0000, 0x1_0000_0fff)
    return bytes + page(0x10_0000)
  }()
  /// Where the second range's header begins.
  private static let secondHeader = 32 + 3 * 4096 + 0x800

  @Test func aLiMEImageIsReadByItsRanges() throws {
    let opened = try OpenedDump(Self.image)
    let dump = opened.dump
    #expect(
      dump.summary
        == HostDumpSummary(
          format: "lime", headerVersion: nil, codec: nil, dumpLevel: nil, frames: 0x10_0001, storedPages: 4,
          incomplete: false))
    #expect(dump.remarks == [] && dump.notes == [] && dump.vmcoreinfo == nil)
    #expect(opened.wrong([1, 2, 3, 0x10_0000], Self.page) == [])
    #expect(
      [0, 1, 3, 4, 5, 0x10_0000, 0x10_0001].map { dump.presence($0) }
        == [.unknown, .stored, .stored, .notStored, .unknown, .stored, .unknown])
    #expect(dump.stretches == [0..<4096, 0x10_0000..<0x10_1000])
  }

  @Test func aFlattenedOneToo() throws {
    let opened = try OpenedDump(RecipeFlattened.wrap(Self.image, recordSize: 1000))
    #expect(opened.wrong([1, 2, 3, 0x10_0000], Self.page) == [])
  }

  @Test(arguments: [32, 4128, 5032, secondHeader + 10, image.count - 1])
  func aCutImageGivesWhatIsThere(count: Int) throws {
    let bytes = Array(Self.image.prefix(count))
    if count == 32 {
      guard case .format(let error) = try OpenedDump.refusal(bytes) else {
        Issue.record("an image without a page is not refused")
        return
      }
      #expect(error.found == "1 ranges, none")
      return
    }
    let opened = try OpenedDump(bytes)
    #expect(opened.dump.summary.incomplete)
    #expect(opened.dump.remarks.count == 1 && opened.dump.remarks[0].text.contains("ends at byte \(count)"))
    let pages = min(3, UInt64(count - 32) / 4096)
    #expect(opened.dump.summary.storedPages == pages)
    #expect(opened.wrong(Array(1...pages), Self.page) == [])
    #expect((pages + 1..<4).allSatisfy { opened.dump.presence($0) == .lost })
  }

  @Test(arguments: [
    (RecipeMemory.limeHeader(0x1000, 0xfff), "e_addr"), (RecipeMemory.limeHeader(0, .max), "e_addr"),
    (RecipeMemory.limeHeader(0, 1 << 52), "e_addr"), (RecipeMemory.limeHeader(0, 0xfff, version: 2), "version"),
    (RecipeMemory.limeHeader(0, 0xfff) + page(0) + Array("no header, but 32 bytes of something".utf8), "magic"),
  ])
  func aHeaderThatCannotBeIsRefused(bytes: [UInt8], field: String) throws {
    guard case .format(let error) = try OpenedDump.refusal(bytes) else {
      Issue.record("not refused")
      return
    }
    #expect(error.field == field)
  }

  @Test func aPageInTwoRangesIsTheFirstOnes() throws {
    let opened = try OpenedDump(
      RecipeMemory.limeHeader(0x1000, 0x2fff) + Self.page(1) + Self.page(2) + RecipeMemory.limeHeader(0x2000, 0x3fff)
        + Self.page(7) + Self.page(3))
    #expect(opened.wrong([1, 2, 3], Self.page) == [])
    #expect(opened.dump.remarks == [.damage("1 pages lie in two ranges: the first one counts")])
  }

  private func unwrapped(_ bytes: [UInt8]) throws -> InputFile {
    let directory = try RecipeDirectory()
    return try Unwrapper(spooling: Spooling(), cancellation: Cancellation(), progress: .none)
      .open(directory.write(bytes, as: "image"), mapped: true)
  }

  /// Pages that snappy makes smaller, and some that it does not.
  @Test func anAVMLImageIsMadeLiMEs() throws {
    // RFC 3720, appendix B.4: of 32 zeros 0x8a9136aa, of 32 ones 0x62a8ab43.
    for (byte, sum) in [(UInt8(0), UInt32(0x8a91_36aa)), (0xff, 0x62a8_ab43)] {
      let masked = (sum >> 15 | sum << 17) &+ 0xa282_ead8
      let bytes = [UInt8](repeating: byte, count: 32)
      #expect(CRC32C.masked(bytes[...]) == masked && RecipeMemory.maskedSum(bytes) == masked)
    }
    var random = SeededGenerator(3)
    let noise = (0..<70_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let first = (0..<40 as Range<UInt64>).flatMap(Self.page) + noise
    let image = RecipeMemory.avmlRange(0x1000, first) + RecipeMemory.avmlRange(0x1_0000_0000, Self.page(9))
    let plain =
      RecipeMemory.limeHeader(0x1000, 0x1000 + UInt64(first.count) - 1) + first
      + RecipeMemory.limeHeader(0x1_0000_0000, 0x1_0000_0fff) + Self.page(9)
    let file = try unwrapped(image)
    #expect(try file.read(at: 0, count: plain.count + 1) == plain)
    #expect(try openHostDump(ByteSource(file)).summary.storedPages == UInt64(first.count / 4096 + 1))
  }

  @Test func aDamagedAVMLImageEndsInOneLine() throws {
    let image = RecipeMemory.avmlRange(0x1000, (0..<20 as Range<UInt64>).flatMap(Self.page))
    var cuts = 0
    for count in [33, 40, image.count / 2, image.count - 1] {
      do { _ = try unwrapped(Array(image.prefix(count))) } catch HostDumpError.format(let error) {
        #expect(error.field == "avml data" && error.found.contains("the file is cut"))
        cuts += 1
      }
    }
    #expect(cuts == 4)
    let plain = try unwrapped(image)
    let bytes = try plain.read(at: 0, count: Int(plain.size))
    var refused = 0
    let places = Array(stride(from: 4, to: image.count, by: 7))
    for at in places {
      var damaged = image
      damaged[at] ^= 0x40
      do {
        let file = try unwrapped(damaged)
        // A byte without a meaning, or two ways to one content.
        #expect(try file.read(at: 0, count: Int(file.size)) == bytes, "byte \(at)")
      } catch HostDumpError.format {
        refused += 1
      }
    }
    #expect(refused > places.count * 3 / 4)
  }

  private func ranges(_ text: String) throws(HostDumpError) -> [MemoryRange] {
    try RangeTable.ranges(of: Array(text.utf8), "table")
  }

  @Test func aTableIsIomemsOrItsOwn() throws {
    let iomem = """
      00000000-00000fff : Reserved
      00001000-0009fbff : System RAM
        00001000-00001fff : System RAM
      00100000-bffdffff : System RAM
        01000000-01ffffff : Kernel code
      100000000-13fffffff : System RAM
      """
    #expect(
      try ranges(iomem) == [
        MemoryRange(start: 0x1000, end: 0x9fc00, offset: 0),
        MemoryRange(start: 0x10_0000, end: 0xbffe_0000, offset: 0x9ec00),
        MemoryRange(start: 0x1_0000_0000, end: 0x1_4000_0000, offset: 0x9ec00 + 0xbfee_0000),
      ])
    #expect(
      try ranges("# padded\r\n0-fff 0\r\n0x100000-0x1fffff\t0x100000 # the rest\n200000-200fff\n") == [
        MemoryRange(start: 0, end: 0x1000, offset: 0), MemoryRange(start: 0x10_0000, end: 0x20_0000, offset: 0x10_0000),
        MemoryRange(start: 0x20_0000, end: 0x20_1000, offset: 0x20_0000),
      ])
  }

  @Test(arguments: [
    ("1000", 1), ("0-fff\n2000-1fff", 2), ("0-fff 0 0", 1), ("0-fff\n\n0-g", 3), ("0-10000000000000", 1), ("0-", 1),
    ("0-fff 8000000000000000", 1), ("0-fff 7fffffffffffffff", 1), ("", 1), ("00000000-00000000 : System RAM", 1),
  ])
  func aLineThatIsNoneIsNamed(text: String, line: Int) throws {
    do throws(HostDumpError) {
      _ = try ranges(text)
      Issue.record("taken")
    } catch {
      guard case .unsupported("table", let format, _) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(format.contains("line \(line): "))
    }
  }

  /// LiME, raw memory and the ELF of the same host: the same guests. None of them has notes.
  @Test func memoryWithoutNotesSplitsAsItsELF() throws {
    let host = try HostRecipe(
      """
      host ram 64M
      no vmcoreinfo
      guest a ram 0-4M linux 6.1.0-a
      guest b ram 0-4M nolinux
      """
    ).build()
    let plain = try SplitRun(host, SplitRun.Options(input: { $0.elf(.vmcore, level: 0) }))
    let lime = try SplitRun(host, SplitRun.Options(input: RecipeMemory.lime))
    let wrapped = try SplitRun(
      host, SplitRun.Options(input: { (try? RecipeWrapper.zstd.wrap(RecipeMemory.lime(of: $0))) ?? [] }))
    var options = SplitRun.Options(input: { RecipeMemory.raw(of: $0).bytes })
    options.ranges = RecipeMemory.raw(of: host).table
    let raw = try SplitRun(host, options)
    for run in [lime, wrapped, raw] {
      #expect(try run.files() == plain.files())
      for guest in host.guests { try run.expectExact(guest) }
    }
    // AVML leaves out blocks of zeros, so only what it has can be compared.
    let avml = try SplitRun(host, SplitRun.Options(input: RecipeMemory.avml))
    #expect(avml.manifest.input.format == "lime" && avml.manifest.guests.count == 2)
    for guest in host.guests {
      let (pages, whole) = (try avml.pages(guest), try plain.pages(guest))
      #expect(pages.count > 100)
      for (gfn, page) in pages { try #require(whole[gfn] == page, "\(guest.name) \(gfn)") }
    }
    #expect([lime, wrapped, raw].map(\.manifest.input.format) == ["lime", "lime", "raw"])
  }

  /// Without VMCOREINFO the kernel is found by its image, and asked as if it had been named.
  @Test(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"), arguments: ["mini", "haswell"])
  func aRealHostsMemoryAloneGivesItsGuests(name: String) throws {
    let path = (KVMRealHost.folder ?? "") + "/" + name + "/vmcore.elf"
    let directory = try RecipeDirectory()
    let image = directory.path.appending(path: "image")
    try RealMemory(path).lime(as: image)
    let found = try [path, image.path].map { try RealMemory.guests(of: [$0], in: directory) }
    #expect(found[0].count == 3 && found[0] == found[1])
  }
}

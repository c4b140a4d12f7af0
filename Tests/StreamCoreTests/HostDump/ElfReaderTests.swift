import HostRecipes
import Testing

@testable import StreamCore

/// What a sound ELF vmcore says.
@Suite struct ElfReaderTests {
  static let host: BuiltHost? = try? HostRecipe("host ram 0-24M 256M-260M\nguest a ram 0-2M nolinux").build()

  @Test(arguments: [RecipeElf.Style.vmcore, .makedumpfile, .qemu], [false, true])
  func everyProducersFileIsReadWhole(style: RecipeElf.Style, usesExtendedCount: Bool) throws {
    let host = try #require(Self.host)
    let level: UInt32 = style == .makedumpfile ? 17 : 16
    let opened = try OpenedDump(host.elf(style, level: level, usesExtendedCount: usesExtendedCount))
    let frames = host.storedFrames(level: level).filter { style != .makedumpfile || !host.memory.isZero($0) }
    #expect(opened.dump.summary.format == "elf")
    #expect(opened.dump.summary.storedPages == UInt64(frames.count))
    #expect(opened.wrong(frames) { host.memory.page($0) } == [])
    #expect(opened.dump.vmcoreinfo?.text == Array(host.kernel.vmcoreInfo.utf8))
    // The kernel's text stands twice in all but QEMU's, as it should: nothing to remark on.
    #expect(opened.dump.remarks == [])
    #expect(!opened.dump.summary.incomplete)
  }

  @Test func notStoredIsToldFromUnknown() throws {
    let host = try #require(Self.host)
    let dump = try OpenedDump(host.elf(.makedumpfile, level: 17)).dump
    let stored = Set(host.storedFrames(level: 17).filter { !host.memory.isZero($0) })
    for frame in host.ram.joined() {
      #expect(dump.presence(frame) == (stored.contains(frame) ? .stored : .notStored))
    }
    #expect(dump.presence(0x100_0000) == .unknown)
    #expect(dump.presence(.max) == .unknown)
  }

  @Test func aPieceOfAPageIsNoPage() throws {
    // 0x1800 to 0x4400: frames 2 and 3 are whole.
    let segment = ElfSample.Segment(offset: 0x2800, physical: 0x1800, stored: 0x2c00, size: 0x2c00)
    var sample = ElfSample(segments: [segment])
    for at in [0x3000, 0x4000] { sample.pieces.append((at, ElfSample.page(UInt64(at)))) }
    sample.pieces.append((0x5000, Array(repeating: 1, count: 0x400)))
    let opened = try OpenedDump(sample.bytes)
    #expect((0..<6).map { opened.dump.presence($0) } == [.unknown, .notStored, .stored, .stored, .notStored, .unknown])
    #expect(opened.wrong([2, 3]) { ElfSample.page(($0 << 12) + 0x1000) } == [])
  }

  @Test func ofTwoPlacesTheFirstSegmentsCounts() throws {
    var sample = ElfSample()
    sample.load(0x12000, frames: 4, at: 0x8000)
    let opened = try OpenedDump(sample.bytes)
    let places: [UInt64] = [0x3000, 0x4000, 0x5000, 0x6000, 0xa000, 0xb000]
    #expect(opened.wrong(Array(0x10..<0x16)) { ElfSample.page(places[Int($0 - 0x10)]) } == [])
    #expect(opened.dump.summary.storedPages == 6)
    #expect(
      opened.dump.remarks == [.damage("2 pages lie in two PT_LOADs at different offsets: the first PT_LOAD counts")])
  }

  @Test func aSecondSegmentOfTheSameBytesIsNoConflict() throws {
    var sample = ElfSample()
    sample.segments.append(ElfSample.Segment(offset: 0x4000, physical: 0x11000, stored: 0x2000, size: 0x2000))
    let dump = try OpenedDump(sample.bytes).dump
    #expect(dump.remarks == [])
    #expect(dump.summary.storedPages == 4)
  }

  @Test func aSegmentWithDataWinsOverOneWithout() throws {
    var sample = ElfSample(segments: [ElfSample.Segment(offset: 0x3000, physical: 0x10000, stored: 0, size: 0x4000)])
    sample.load(0x11000, frames: 1, at: 0x3000)
    let opened = try OpenedDump(sample.bytes)
    #expect((0x10..<0x14).map { opened.dump.presence($0) } == [.notStored, .stored, .notStored, .notStored])
    #expect(opened.wrong([0x11]) { _ in ElfSample.page(0x3000) } == [])
  }

  @Test func segmentsWithoutPhysicalAddressAreLeftOut() throws {
    var sample = ElfSample()
    sample.segments.append(ElfSample.Segment(offset: 0x3000, physical: .max, stored: 0x1000, size: 0x1000))
    let dump = try OpenedDump(sample.bytes).dump
    #expect(dump.summary.frames == 0x14)
    #expect(dump.remarks == [])
  }

  @Test func entriesComeByFrameWithTheirPlace() throws {
    let dump = try OpenedDump(ElfSample().bytes).dump
    #expect(
      try dump.entries(in: 0x12..<0x40)
        == [0x5000, 0x6000].map { offset in
          .page(StoredPage(frame: 0x12 + (offset - 0x5000) >> 12, offset: offset, size: 4096, codec: .raw))
        })
    #expect(try dump.entries(in: 0..<0x10) == [])
    #expect(dump.stretches == [0..<4096])
  }

  @Test func holesOfExabytesAreNotRead() throws {
    // 4 PiB of memory in a sparse file; a page at the start, one in the middle.
    let size: UInt64 = 1 << 42
    var file = RecipeFile()
    let sample = ElfSample(
      segments: [ElfSample.Segment(offset: 0x3000, physical: 0, stored: size, size: size)])
    file.put(sample.bytes, at: 0)
    file.put(ElfSample.page(7), at: 0x3000)
    file.put(ElfSample.page(8), at: 0x3000 + size / 2)
    file.grow(to: 0x3000 + size)
    let directory = try RecipeDirectory()
    let dump = try openHostDump(path: try directory.write(file, as: "dump"))
    #expect(dump.stretches.count <= 2)
    #expect(dump.stretches.contains { $0.contains(size >> 13) })
    #expect(dump.summary.storedPages == size >> 12)
    let memory = HostMemory(dump)
    #expect(memory.page(0).page?.bytes == ElfSample.page(7))
    #expect(memory.page(size >> 13).page?.bytes == ElfSample.page(8))
    #expect(memory.page((size >> 12) - 1).page == .zero)
    let scan = try HeadScan.run(
      dump, heads: [0x2b: 0], decoders: DecoderPool(), workers: Workers(count: 2), progress: .none)
    #expect(scan.pagesScanned <= 2 * 4096)
  }

  @Test func programHeadersInAHoleAreNotRead() throws {
    var sample = ElfSample()
    sample.table = 64
    var bytes = sample.bytes
    bytes.replaceSubrange(56..<58, with: [0xff, 0xff])
    bytes.store(UInt64(0x20000), at: 40)
    let count = UInt32(1) << 28
    var file = RecipeFile()
    file.put(bytes, at: 0)
    file.put([UInt8](repeating: 0, count: 44) + RecipeFile.le32(count), at: 0x20000)
    file.grow(to: 64 + 56 * UInt64(count))
    let directory = try RecipeDirectory()
    let dump = try openHostDump(path: try directory.write(file, as: "dump"))
    #expect(dump.summary.storedPages == 4)
    #expect(dump.input.counters[.headers] < 2 << 20)
  }
}

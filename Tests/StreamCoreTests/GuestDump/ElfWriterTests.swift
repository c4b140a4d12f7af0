@testable import StreamCore
import Testing

@Suite struct ElfWriterTests {
  let directory: ScratchDirectory
  init() throws { directory = try ScratchDirectory() }

  private func write(
    _ guest: SampleGuest, _ name: String = "g.elf", bad: [UInt64] = [], batches: [SampleBatch]? = nil
  ) throws -> (path: String, summary: OutputSummary) {
    let path = directory.file(name)
    let writer = try ElfWriter(guest.image, path: path)
    for batch in batches ?? [guest.batch] { try writer.append(batch) }
    for frame in bad { writer.markBad(frame) }
    return (path, try writer.finish(force: false))
  }

  @Test func everyPresentPageReadsBackAndNoOther() throws {
    let guest = SampleGuest(codec: .raw)
    let (path, summary) = try write(guest)
    let dump = try WrittenDump.elf(path)
    #expect(dump.pages == guest.pages)
    #expect(dump.notes.map(\.name) == ["CORE", "CORE", "QEMU", "QEMU", "VMCOREINFO"])
    #expect(dump.notes.last?.descriptor == SampleGuest.text)
    #expect(
      summary
        == OutputSummary(
          bytes: dump.file.size, pages: UInt64(guest.pages.count), badPages: 0, format: "elf", codec: "raw"))
  }

  @Test func segmentsAreTheRunsOfPresentPagesAfterTheNotes() throws {
    var guest = SampleGuest(codec: .raw)
    guest.image.directMapBase = 0xffff_8880_0000_0000
    let dump = try WrittenDump.elf(try write(guest).path)
    let runs = guest.image.present.runs
    #expect(dump.loads.map { $0.physical / 4096..<($0.physical + $0.bytes) / 4096 } == runs)
    #expect(dump.loads.allSatisfy { $0.virtual == 0xffff_8880_0000_0000 + $0.physical })
    #expect(dump.loads.allSatisfy { $0.offset > dump.notesOffset })
    #expect(dump.loads.map(\.offset) == dump.loads.map(\.offset).sorted())
    #expect(try dump.bytes(40, 8).allSatisfy { $0 == 0 })
    #expect(try dump.bytes(58, 6).allSatisfy { $0 == 0 })
  }

  @Test func withoutDirectMapVirtualAddressesAreZero() throws {
    let dump = try WrittenDump.elf(try write(SampleGuest(codec: .raw)).path)
    #expect(dump.loads.allSatisfy { $0.virtual == 0 })
  }

  @Test func theKernelImageIsMappedWhereItsPagesArePresent() throws {
    var guest = SampleGuest(known: [0..<64, 100..<164], codec: .raw, isPresent: { $0 != 110 })
    let text: UInt64 = 0xffff_ffff_8100_0000
    guest.image.kernelImage = [
      KernelImagePart(
        virtual: VirtualAddress(rawValue: text + 0x800), physical: 104 * 4096 + 0x800, bytes: 8 * 4096),
      KernelImagePart(virtual: VirtualAddress(rawValue: text), physical: 60 * 4096, bytes: 80 * 4096),
      KernelImagePart(virtual: VirtualAddress(rawValue: text), physical: 8, bytes: 4 * 4096),
      KernelImagePart(virtual: VirtualAddress(rawValue: text), physical: 4096, bytes: .max),
      KernelImagePart(virtual: VirtualAddress(rawValue: text), physical: 200 * 4096, bytes: 4096),
    ]
    let dump = try WrittenDump.elf(try write(guest).path)
    #expect(dump.pages == guest.pages)
    let data = dump.loads[0].offset
    func load(_ page: UInt64, _ frames: Range<UInt64>, rank: UInt64) -> WrittenDump.Load {
      WrittenDump.Load(
        offset: data + rank * 4096, virtual: text + page * 4096, physical: frames.lowerBound * 4096,
        bytes: UInt64(frames.count) * 4096)
    }
    #expect(
      Array(dump.loads.dropFirst(3)) == [
        load(1, 105..<110, rank: 69), load(7, 111..<112, rank: 74),
        load(0, 60..<64, rank: 60), load(40, 100..<110, rank: 64), load(51, 111..<140, rank: 74),
      ])
  }

  @Test func zeroPagesTakeNoRoomAndTheFileHasItsFullLength() throws {
    let path = directory.file("g.elf")
    let writer = try ElfWriter(SampleGuest.image(0..<5000), path: path)
    try writer.append(SampleBatch(pages: (0..<5000).map { OutputPage(guestFrame: $0, content: .zero) }))
    let summary = try writer.finish(force: false)
    #expect(summary.bytes > 5000 * 4096)
    #expect(try InputFile(path: path).size == summary.bytes)
    #expect(try #require(FileStatus(path)).allocated < 100 * 4096)
    #expect(try WrittenDump.elf(path).pages.values.allSatisfy { $0.allSatisfy { $0 == 0 } })
  }

  @Test func aBadPageSplitsItsSegment() throws {
    let guest = SampleGuest(known: [10..<50], codec: .raw, isPresent: { _ in true })
    let (path, summary) = try write(guest, bad: [10, 20, 21, 49, 7])
    let dump = try WrittenDump.elf(path)
    #expect(dump.pages == guest.pages.filter { ![10, 20, 21, 49].contains($0.key) })
    #expect(dump.loads.map { $0.physical / 4096..<($0.physical + $0.bytes) / 4096 } == [11..<20, 22..<49])
    #expect(summary.badPages == 4)
    #expect(summary.pages == 36)
  }

  @Test func moreSplitsThanTheHeadersHaveRoomForAreAnErrorThatPointsToKdump() throws {
    let batch = SampleBatch(pages: (0..<4100).map { OutputPage(guestFrame: $0, content: .zero) })
    let path = directory.file("g.elf")
    // 2 headers and room for 1024 more: 1025 PT_LOADs fit, 1026 do not.
    for (bad, fits) in [(1024, true), (1025, false)] {
      let writer = try ElfWriter(SampleGuest.image(0..<4100), path: path)
      try writer.append(batch)
      for index in 0..<UInt64(bad) { writer.markBad(index * 2 + 1) }
      if fits {
        _ = try writer.finish(force: false)
        #expect(try WrittenDump.elf(path).loads.count == 1025)
      } else {
        let error = GuestDumpError.tooManySegments(path: path, needed: 1027, room: 1026)
        #expect(throws: error) { try writer.finish(force: true) }
        #expect(error.description.contains("--format kdump"))
      }
    }
  }

  /// PN_XNUM: 65,535 headers are the first count that does not fit e_phnum.
  @Test(arguments: [65_533, 65_534, 70_000] as [UInt64])
  func aCountBeyondTheHeaderStandsInSectionHeader0(runs: UInt64) throws {
    let frames = (0..<runs).map { $0 * 2 }
    var batch = SampleBatch(payload: Array(repeating: 7, count: 4096))
    for frame in frames { batch.pages.append(OutputPage(guestFrame: frame, content: .zero)) }
    batch.pages[frames.count - 1].content = .stored(start: 0, count: 4096, codec: .raw)
    let path = directory.file("g.elf")
    let writer = try ElfWriter(SampleGuest.image(frames), path: path)
    try writer.append(batch)
    _ = try writer.finish(force: false)
    let dump = try WrittenDump.elf(path, pages: false)
    #expect(dump.loads.map(\.physical) == frames.map { $0 * 4096 })
    #expect(try dump.load(56, as: UInt16.self) == (runs == 65_533 ? 65_534 : 0xffff))
    let last = try #require(dump.loads.last)
    #expect(try dump.bytes(last.offset, 4096) == batch.payload)
    #expect(try dump.bytes(dump.loads[0].offset, 4096).allSatisfy { $0 == 0 })
    #expect(last.offset + 4096 == dump.file.size)
  }

  @Test(arguments: [1, 3, 50])
  func theFileDoesNotTellHowPagesCame(pieces: Int) throws {
    let guest = SampleGuest(codec: .raw)
    let whole = try InputFile(path: try write(guest).path)
    let cut = try InputFile(path: try write(guest, "cut.elf", batches: guest.pieces(of: pieces)).path)
    let bytes = try whole.read(at: 0, count: Int(whole.size))
    #expect(try cut.read(at: 0, count: Int(cut.size)) == bytes)
  }

  @Test func compressedPagesAndMissingOnesAreDefects() throws {
    let guest = SampleGuest(codec: .raw)
    let path = directory.file("g.elf")
    let frame = guest.batch.pages[9].guestFrame
    var compressed = guest.batch
    compressed.pages[9].content = .stored(start: 0, count: 4096, codec: .lzo)
    var missing = guest.batch
    missing.pages.remove(at: 9)
    for (batch, defect) in [
      (compressed, GuestDumpDefect.unusable(frame: frame)), (missing, .missing(frame: frame)),
    ] {
      let writer = try ElfWriter(guest.image, path: path)
      try writer.append(batch)
      #expect(throws: GuestDumpError.defect(path: path, defect)) { try writer.finish(force: false) }
    }
    #expect(directory.names.isEmpty)
  }

  @Test func aCoreWithoutAnyPageIsRefused() throws {
    let guest = SampleGuest(known: [0..<2], codec: .raw, isPresent: { _ in true })
    let path = directory.file("g.elf")
    let writer = try ElfWriter(guest.image, path: path)
    writer.markBad(0)
    writer.markBad(1)
    #expect(throws: GuestDumpError.noPages(path: path)) { try writer.finish(force: false) }
  }
}

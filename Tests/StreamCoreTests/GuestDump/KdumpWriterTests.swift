@testable import StreamCore
import HostRecipes
import Testing

@Suite struct KdumpWriterTests {
  let directory: ScratchDirectory
  init() throws { directory = try ScratchDirectory() }

  private func write(
    _ guest: SampleGuest, _ name: String = "g.kdump", memory: Int = 1 << 20, bad: [UInt64] = [],
    batches: [SampleBatch]? = nil
  ) throws -> (path: String, summary: OutputSummary) {
    let path = directory.file(name)
    let writer = try KdumpWriter(guest.image, path: path, memory: memory)
    for batch in batches ?? [guest.batch] { try writer.append(batch) }
    for frame in bad { writer.markBad(frame) }
    return (path, try writer.finish(force: false))
  }

  @Test(arguments: RecipeCodec.pure)
  func everyPageReadsBackInEveryCodec(codec: RecipeCodec) throws {
    let guest = SampleGuest(codec: codec)
    let (path, summary) = try write(guest)
    let dump = try WrittenDump.kdump(path)
    #expect(dump.pages == guest.pages)
    #expect(dump.known == Set(guest.image.known.runs.flatMap { Array($0) }))
    #expect(dump.known.count > dump.pages.count)
    #expect(
      summary
        == OutputSummary(
          bytes: dump.file.size, pages: UInt64(guest.pages.count), badPages: 0, format: "kdump",
          codec: guest.image.codec.name))
  }

  @Test func headersSayWhatReadersNeed() throws {
    let guest = SampleGuest(codec: .zstd, vcpus: 3)
    let dump = try WrittenDump.kdump(try write(guest).path)
    #expect(try dump.load(8, as: Int32.self) == 6)
    #expect(try dump.bytes(12, 6) == Array("Linux\0".utf8))
    #expect(try dump.bytes(77, 65) == Array(repeating: UInt8(ascii: "n"), count: 64) + [0])
    #expect(try dump.bytes(142, 8) == Array("6.1.192\0".utf8))
    #expect(try dump.bytes(207, 7) == Array("#1 SMP\0".utf8))
    #expect(try dump.bytes(272, 7) == Array("x86_64\0".utf8))
    #expect(try dump.bytes(337, 7) == Array("(none)\0".utf8))
    #expect(try dump.bytes(402, 22).allSatisfy { $0 == 0 })
    #expect(try dump.load(424, as: UInt32.self) == 0x20)
    #expect(try dump.load(428, as: Int32.self) == 4096)
    #expect(try dump.load(432, as: Int32.self) == 1)
    #expect(try dump.load(436, as: UInt32.self) == 4)
    #expect(try dump.load(440, as: UInt32.self) == 40_040)
    #expect(try dump.bytes(444, 16).allSatisfy { $0 == 0 })
    #expect(try dump.load(460, as: Int32.self) == 3)
    #expect(try dump.load(4096, as: Int64.self) == -4_194_304)
    #expect(try dump.bytes(4104, 24).allSatisfy { $0 == 0 })
    #expect(try dump.load(4096 + 96, as: UInt64.self) == 40_040)
    #expect(dump.notesOffset == 4096 + 104)
    #expect(dump.vmcoreinfo == SampleGuest.text)
    #expect(dump.notes.last == WrittenDump.Note(name: "VMCOREINFO", type: 0, descriptor: SampleGuest.text))
    #expect(dump.notes.map(\.name) == ["CORE", "CORE", "CORE", "QEMU", "QEMU", "QEMU", "VMCOREINFO"])
  }

  @Test func notesOfManyVCPUsTakeMoreBlocks() throws {
    let guest = SampleGuest(codec: .raw, vcpus: 40)
    let dump = try WrittenDump.kdump(try write(guest).path)
    #expect(try dump.load(432, as: Int32.self) == Int32((104 + 40 * 816 + 24 + SampleGuest.text.count + 4095) / 4096))
    #expect(dump.notes.count == 81)
    #expect(dump.pages == guest.pages)
  }

  @Test func withoutVMCOREINFOThereIsNoWayToIt() throws {
    var guest = SampleGuest(codec: .raw)
    guest.image.vmcoreinfo = nil
    let dump = try WrittenDump.kdump(try write(guest).path)
    #expect(try dump.bytes(4096 + 32, 16).allSatisfy { $0 == 0 })
    #expect(dump.notes.map(\.name) == ["CORE", "CORE", "QEMU", "QEMU"])
  }

  @Test func equalPagesAreStoredOnce() throws {
    let guest = SampleGuest(codec: .lzo)
    let dump = try WrittenDump.kdump(try write(guest).path)
    let zero = guest.pages.filter { $0.value.allSatisfy { $0 == 0 } }.keys
    #expect(Set(zero.compactMap { dump.descriptors[$0]?.offset }).count == 1)
    #expect(zero.allSatisfy { dump.descriptors[$0]?.size == 4096 && dump.descriptors[$0]?.flags == 0 })
    let offsets = Set(dump.descriptors.values.map(\.offset))
    #expect(offsets.count == Set(guest.pages.values).count)
    #expect(dump.file.size == offsets.min().map { $0 + 4096 + UInt64(guest.batch.payload.count) })
  }

  @Test(arguments: [1, 3, 50], [0, 24, 168, 1536, 1 << 20])
  func theFileDoesNotTellHowPagesCame(pieces: Int, memory: Int) throws {
    let guest = SampleGuest(codec: .zlib)
    let whole = try InputFile(path: try write(guest).path)
    let batches = guest.pieces(of: pieces)
    #expect(batches.count > 4)
    let cut = try InputFile(
      path: try write(guest, "cut.kdump", memory: memory, batches: batches).path)
    let bytes = try whole.read(at: 0, count: Int(whole.size))
    #expect(try cut.read(at: 0, count: Int(cut.size)) == bytes)
  }

  @Test(arguments: [[0], [159], [40_039], [0, 1, 2], [5, 7, 9, 310, 40_000], Array(0...419), []] as [[UInt64]])
  func aBadPageLosesItsDescriptorAndNoOther(bad: [UInt64]) throws {
    let guest = SampleGuest(codec: .snappy)
    let hit = bad.filter { guest.pages[$0] != nil }
    let (path, summary) = try write(guest, memory: 480, bad: bad)
    let dump = try WrittenDump.kdump(path)
    #expect(dump.pages == guest.pages.filter { !hit.contains($0.key) })
    #expect(dump.known == Set(guest.image.known.runs.flatMap { Array($0) }))
    #expect(summary.badPages == UInt64(hit.count))
    #expect(summary.pages == UInt64(guest.pages.count - hit.count))
    #expect(dump.file.size == summary.bytes)
    // The table ends with what the bad pages left free.
    let table: UInt64 = (1 + 1 + 4) * 4096
    #expect(try dump.bytes(table + 24 * summary.pages, 24 * hit.count).allSatisfy { $0 == 0 })
  }

  @Test func aBadPageNeedNotHaveCome() throws {
    let guest = SampleGuest(codec: .raw)
    var batch = guest.batch
    let lost = batch.pages.remove(at: 40).guestFrame
    let dump = try WrittenDump.kdump(try write(guest, bad: [lost], batches: [batch]).path)
    #expect(dump.pages == guest.pages.filter { $0.key != lost })
  }

  @Test func compactionReachesPastOneBlockOfDescriptors() throws {
    let frames: Range<UInt64> = 0..<70_000
    var batch = SampleBatch(payload: Array(repeating: 9, count: 4096))
    for frame in frames.reversed() {
      let content = OutputPage.Content.stored(start: 0, count: 4096, codec: .raw)
      batch.pages.append(OutputPage(guestFrame: frame, content: frame % 1000 == 999 ? content : .zero))
    }
    let path = directory.file("g.kdump")
    let writer = try KdumpWriter(SampleGuest.image(frames), path: path, memory: 24_000)
    try writer.append(batch)
    for frame in frames where frame % 3 == 1 { writer.markBad(frame) }
    _ = try writer.finish(force: false)
    let dump = try WrittenDump.kdump(path)
    #expect(Set(dump.pages.keys) == Set(frames.filter { $0 % 3 != 1 }))
    #expect(dump.pages.allSatisfy { $0.value[7] == ($0.key % 1000 == 999 ? 9 : 0) })
  }

  @Test func framesFarAboveTheRestCostNoRoom() throws {
    let guest = SampleGuest(known: [0..<40, 1 << 36..<(1 << 36) + 4], codec: .raw, isPresent: { _ in true })
    let (path, summary) = try write(guest)
    #expect(summary.bytes > 1 << 34)
    let status = try #require(FileStatus(path))
    #expect(status.allocated < 1 << 20)
    let file = try InputFile(path: path)
    #expect(try file.read(at: 440, count: 4) == [0xff, 0xff, 0xff, 0xff])
    // The second bitmap's last used byte, at the highest frames.
    let half = UInt64((1 << 36) / 32_768 + 1) * 4096
    #expect(try file.read(at: 8192 + half + (1 << 33), count: 1) == [0x0f])
  }

  @Test func whatCannotBeIsADefect() throws {
    let guest = SampleGuest(codec: .raw)
    let path = directory.file("g.kdump")
    func outcome(_ change: (inout SampleBatch) -> Void) throws -> GuestDumpError? {
      let writer = try KdumpWriter(guest.image, path: path, memory: 1 << 20)
      var batch = guest.batch
      change(&batch)
      try writer.append(batch)
      do throws(GuestDumpError) { _ = try writer.complete() } catch { return error }
      return nil
    }
    let frame = guest.batch.pages[9].guestFrame
    let lower = guest.batch.pages[8].guestFrame
    let missing = try outcome { $0.pages.removeSubrange(8...9) }
    #expect(missing == .defect(path: path, .missing(frame: min(frame, lower))))
    let repeated = try outcome { $0.pages.append($0.pages[9]) }
    #expect(repeated == .defect(path: path, .repeated(frame: frame)))
    let unexpected = try outcome { $0.pages.append(OutputPage(guestFrame: 3, content: .zero)) }
    #expect(unexpected == .defect(path: path, .unexpected(frame: 3)))
    let contents: [OutputPage.Content] = [
      .stored(start: 0, count: 4095, codec: .raw), .stored(start: 0, count: 0, codec: .lzo),
      .stored(start: 0, count: 4097, codec: .lzo), .stored(start: -1, count: 4096, codec: .raw),
      .stored(start: guest.batch.payload.count - 4095, count: 4096, codec: .raw),
    ]
    for content in contents {
      let unusable = try outcome { $0.pages[9].content = content }
      #expect(unusable == .defect(path: path, .unusable(frame: frame)))
    }
    #expect(directory.names.isEmpty)
  }

  @Test func frameNumbersBeyondTheFormatAreRefused() {
    let guest = SampleGuest(known: [1 << 50..<(1 << 50) + 1], codec: .raw, isPresent: { _ in true })
    let path = directory.file("g.kdump")
    #expect(throws: GuestDumpError.tooLarge(path: path)) { try KdumpWriter(guest.image, path: path, memory: 1 << 20) }
    #expect(directory.names.isEmpty)
  }
}

import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Documentation/kdump-compressed.md §8, the rows about headers, bitmaps and notes. A test bears its row's number.
@Suite struct KdumpHeaderRowTests {
  private func refusal(_ damage: (inout KdumpSample) -> Void) throws -> HostDumpError? {
    var sample = KdumpSample()
    damage(&sample)
    return try OpenedDump.refusal(sample.bytes)
  }

  private func format(_ offset: UInt64, _ field: String, _ expected: String, _ found: String) -> HostDumpError {
    .format(FormatError(file: "dump", offset: offset, field: field, expected: expected, found: found))
  }

  /// Opens the damaged sample; every stored page must be the truth.
  private func accepted(_ damage: (inout KdumpSample) -> Void) throws -> any HostDump {
    var sample = KdumpSample()
    damage(&sample)
    let opened = try OpenedDump(sample.bytes)
    #expect(opened.wrong(KdumpSample.stored, KdumpSample.page) == [])
    return opened.dump
  }

  @Test(arguments: [8, 100, 272, 463])
  func row01FileWithoutAWholeHeader(size: Int) throws {
    #expect(
      try refusal { $0.bytes.removeSubrange(size...) }
        == format(0, "disk_dump_header", "464 bytes", "\(size) before the end of the file"))
  }

  @Test(arguments: [464, 4096, 4096 + 103])
  func row02FileEndsInTheSubHeader(size: Int) throws {
    #expect(
      try refusal { $0.bytes.removeSubrange(size...) }
        == format(4096, "kdump_sub_header", "104 bytes", "\(max(0, size - 4096)) before the end of the file"))
  }

  @Test(arguments: [8193, 12288, 16383])
  func row03FileEndsInTheBitmaps(size: Int) throws {
    #expect(
      try refusal { $0.bytes.removeSubrange(size...) }
        == format(436, "bitmap_blocks", "bitmaps inside the file's \(size) bytes", "2 blocks from 0x2000 on"))
  }

  @Test func row04FileEndsInTheDescriptors() throws {
    var sample = KdumpSample()
    sample.bytes.removeSubrange((sample.table + 24 * 5 + 7)...)
    let opened = try OpenedDump(sample.bytes)
    let end = UInt64(sample.table + 24 * KdumpSample.stored.count)
    let what = "inside the page descriptor table, which goes on"
    #expect(opened.dump.remarks == [.cut(UInt64(sample.bytes.count), what, to: end)])
    #expect(opened.dump.summary.incomplete)
    let memory = HostMemory(opened.dump)
    for frame in KdumpSample.stored { #expect(memory.page(frame).page == nil) }
    let place = UInt64(sample.descriptor(19))
    #expect(
      try opened.entry(19)
        == .fault(PageFault(.lost, frame: 19, offset: place, reason: "descriptor past the end of the file")))
  }

  @Test func row05FileEndsInTheData() throws {
    var sample = KdumpSample()
    let end = Int(sample.offset(10)) + 1
    sample.bytes.removeSubrange(end...)
    let opened = try OpenedDump(sample.bytes)
    let whole = KdumpSample().bytes.count
    #expect(opened.dump.remarks == [.cut(UInt64(sample.bytes.count), "its pages go on", to: UInt64(whole))])
    #expect(opened.wrong(KdumpSample.stored.filter { $0 < 10 }, KdumpSample.page) == [])
    for frame in KdumpSample.stored where frame >= 10 {
      let bad = PageFault(
        .bad, frame: frame, offset: UInt64(sample.descriptor(frame)),
        reason: "data at \(hex(sample.offset(frame))) past the end of the file")
      #expect(try opened.entry(frame) == .fault(bad))
      #expect(HostMemory(opened.dump).page(frame) == .bad)
    }
  }

  @Test func row06OldDiskdump() throws {
    #expect(
      try refusal { $0.replace(0, with: Array("DISKDUMP".utf8)) }
        == .unsupported(
          file: "dump", format: "a dump of the old diskdump facility", remedy: "it predates hosts with KVM"))
  }

  @Test func row07UnknownSignature() throws {
    #expect(
      try refusal { $0.replace(0, with: Array("KDUMPED ".utf8)) }
        == .unknown(file: "dump", found: "4b 44 55 4d 50 45 44 20"))
  }

  @Test(arguments: [-1, 0, Int32.min])
  func row08And09NoSuchHeaderVersion(version: Int32) throws {
    #expect(
      try refusal { $0.bytes.store(version, at: 8) } == format(8, "header_version", "1 to 6", "\(version)"))
  }

  @Test(arguments: [7, 99, Int32.max])
  func row10LaterHeaderVersionIsReadAsTheNewest(version: Int32) throws {
    let dump = try accepted { $0.bytes.store(version, at: 8) }
    #expect(dump.remarks == [.oddity("header_version \(version) is unknown, read as 6")])
  }

  @Test(arguments: [8192, 16_384, 65_536] as [Int32])
  func row13OtherPageSizes(size: Int32) throws {
    #expect(
      try refusal { $0.bytes.store(size, at: 428) }
        == .unsupported(
          file: "dump", format: "a kdump of a machine with pages of \(size) bytes",
          remedy: "only x86_64 hosts run VMX guests"))
  }

  @Test(arguments: [0, -4096, 4095, 8191, 1 << 30, Int32.max])
  func row11To13OtherBlockSizes(size: Int32) throws {
    #expect(
      try refusal { $0.bytes.store(size, at: 428) } == format(428, "block_size", "4096", "\(size)"))
  }

  @Test(arguments: [0, -1, Int32.min])
  func row14SubHeaderOfNoBlock(blocks: Int32) throws {
    #expect(
      try refusal { $0.bytes.store(blocks, at: 432) }
        == format(432, "sub_hdr_size", "at least 1 block", "\(blocks)"))
  }

  @Test(arguments: [1000, Int32.max])
  func row15SubHeaderLongerThanTheFile(blocks: Int32) throws {
    let size = KdumpSample().bytes.count
    #expect(
      try refusal { $0.bytes.store(blocks, at: 432) }
        == format(432, "sub_hdr_size", "bitmaps inside the file's \(size) bytes", "\(blocks) blocks"))
  }

  @Test func row16NotesReachIntoTheBitmaps() throws {
    let error = try refusal { $0.bytes.store(UInt64(4000), at: 4096 + 56) }
    #expect(
      error
        == format(
          432, "sub_hdr_size", "blocks for the notes, which end at 0x2008", "1, so that the bitmaps begin at 0x2000"))
  }

  @Test func row16NotesElsewhere() throws {
    let dump = try accepted { sample in
      sample.bytes.store(UInt64(sample.bytes.count), at: 4096 + 48)
      sample.bytes += sample.notes
    }
    #expect(dump.remarks == [.oddity("the notes lie behind the bitmaps")])
    #expect(dump.notes.count == 2)
  }

  @Test(arguments: [0, 1, 3, UInt32.max])
  func row17And18And20NoPairOfBitmaps(blocks: UInt32) throws {
    #expect(
      try refusal { $0.bytes.store(blocks, at: 436) }
        == format(436, "bitmap_blocks", "two bitmaps of equal length", "\(blocks) blocks"))
  }

  @Test func row19BitmapsTooSmall() throws {
    let error = try refusal { sample in
      sample.bytes.store(UInt32(32769), at: 440)
      sample.bytes.store(UInt64(32769), at: 4096 + 96)
    }
    #expect(
      error
        == format(
          436, "bitmap_blocks", "two bitmaps for the 32769 page frames of max_mapnr", "2 blocks, room for 32768"))
  }

  @Test func row20BitmapsLongerThanTheFile() throws {
    let size = KdumpSample().bytes.count
    #expect(
      try refusal { $0.bytes.store(UInt32.max - 1, at: 436) }
        == format(
          436, "bitmap_blocks", "bitmaps inside the file's \(size) bytes", "4294967294 blocks from 0x2000 on"))
  }

  @Test func row21BitmapsLongerThanNeeded() throws {
    _ = try accepted { sample in
      let block = SparseMemory.zeroPage
      for frame in KdumpSample.stored {
        sample.bytes.store(sample.offset(frame) + 8192, at: sample.descriptor(frame))
      }
      sample.bytes.store(UInt32(4), at: 436)
      sample.bytes.insert(contentsOf: block, at: sample.table)
      sample.bytes.insert(contentsOf: block, at: sample.bitmap2)
    }
  }

  @Test(arguments: [UInt64.max, 1 << 50, (1 << 40) + 1] as [UInt64])
  func row22MoreFramesThanAddresses(frames: UInt64) throws {
    #expect(
      try refusal { $0.bytes.store(frames, at: 4096 + 96) }
        == format(4096 + 96, "max_mapnr_64", "at most 2^40 page frames", "\(frames)"))
  }

  @Test func row23NoFrames() throws {
    #expect(
      try refusal { $0.bytes.store(UInt64(0), at: 4096 + 96) }
        == format(4096 + 96, "max_mapnr_64", "at least 1 page frame", "0"))
  }

  @Test func row24ShortMaxMapnrDisagrees() throws {
    let dump = try accepted { $0.bytes.store(UInt32(7), at: 440) }
    #expect(dump.remarks == [.oddity("max_mapnr 7 disagrees with max_mapnr_64 20, which counts")])
  }

  @Test func row25MoreBitsThanDescriptors() throws {
    // One bit too many would make every page behind it its neighbour: the place of the data gives it away.
    let error = try refusal { $0.bytes[$0.bitmap2 + 1] |= 0x10 }
    #expect(
      error
        == format(
          0x3000, "2nd bitmap", "17 bits below max_mapnr, one for each page descriptor", "18"))
  }

  @Test func row25FewerBitsThanDescriptors() throws {
    let error = try refusal { $0.bytes[$0.bitmap2] &= 0xfe }
    #expect(
      error
        == format(
          0x3000, "2nd bitmap", "17 bits below max_mapnr, one for each page descriptor", "16"))
  }

  @Test func row25RoomBehindTheTableIsNoLostBit() throws {
    // As our own writer leaves it when it drops a bad page.
    var sample = KdumpSample()
    sample.bytes[sample.bitmap2 + 2] &= 0xf7
    sample.replace(sample.descriptor(19), with: Array(repeating: 0, count: 24))
    let opened = try OpenedDump(sample.bytes)
    #expect(opened.dump.presence(19) == .filtered)
    #expect(opened.wrong(KdumpSample.stored.filter { $0 != 19 }, KdumpSample.page) == [])
  }

  @Test func row26NoBit() throws {
    #expect(
      try refusal { $0.replace($0.bitmap2, with: [0, 0, 0]) }
        == format(0x3000, "2nd bitmap", "at least one page in the file", "no bit set"))
  }

  private func contradiction(_ offset: UInt64, _ found: String) -> HostDumpError {
    format(
      offset, "2nd bitmap", "pages of the 1st bitmap only",
      "\(found); one of the bitmaps is damaged and nothing can say which page is whose: copy the dump again")
  }

  @Test func row27StoredButNotKnown() throws {
    #expect(
      try refusal { $0.bytes[$0.bitmap1] &= 0xf0 } == contradiction(0x3000, "4 other pages, the first at pfn 0x0"))
    #expect(
      try refusal { $0.bytes[$0.bitmap1 + 2] &= 0xf7 } == contradiction(0x3002, "1 other page, the first at pfn 0x13"))
  }

  /// As many bits as before, so that the place of the data tells nothing: pages 12 to 15 would be their neighbours.
  @Test func row27AMovedBit() throws {
    let error = try refusal { sample in
      sample.bytes[sample.bitmap2 + 1] &= 0x7f
      sample.bytes[sample.bitmap2 + 1] |= 0x10
    }
    #expect(error == contradiction(0x3001, "1 other page, the first at pfn 0xc"))
  }

  @Test func row27LiesFarAboveTheFirstBlock() throws {
    var sample = KdumpSample()
    // Bitmaps of 70,000 frames, so of three blocks each, and one more page in the last.
    let page: UInt64 = 69_999
    let empty = [UInt8](repeating: 0, count: 2 * 4096)
    sample.bytes.insert(contentsOf: empty, at: sample.bitmap2 + 4096)
    sample.bytes.insert(contentsOf: empty, at: sample.bitmap2)
    sample.bytes.store(UInt32(6), at: 436)
    sample.bytes.store(UInt32(70_000), at: 440)
    sample.bytes.store(UInt64(70_000), at: 4096 + 96)
    let second = sample.bitmap1 + 3 * 4096
    sample.bytes[second + Int(page / 8)] |= 1 << UInt8(page % 8)
    #expect(
      try OpenedDump.refusal(sample.bytes)
        == contradiction(UInt64(second) + page / 8, "1 other page, the first at pfn 0x1116f"))
  }

  @Test func row28BitsBeyondTheLastFrame() throws {
    let dump = try accepted { sample in
      sample.bytes[sample.bitmap2 + 2] |= 0xf0
      sample.replace(sample.bitmap2 + 3, with: Array(repeating: 0xff, count: 4093))
    }
    #expect(dump.summary.storedPages == 17)
    #expect(dump.presence(21) == .unknown)
  }

  private static let outside: [(UInt64, UInt64)] = [
    (1 << 40, 100), (1 << 63, 100), (.max, 100), (4200, 1 << 40), (4200, 1 << 63), (4200, .max),
  ]

  @Test(arguments: outside)
  func row49And50NotesOutsideTheFile(offset: UInt64, size: UInt64) throws {
    let dump = try accepted { sample in
      sample.bytes.store(offset, at: 4096 + 48)
      sample.bytes.store(size, at: 4096 + 56)
    }
    #expect(dump.notes == [])
    #expect(
      dump.remarks == [.damage("offset_note \(hex(offset)) with size_note \(size) lies outside the file: ignored")])
    #expect(dump.vmcoreinfo?.osrelease == "6.1.0-sample")
  }

  @Test(arguments: [0, 4])
  func row51NoteLongerThanTheNotes(field: Int) throws {
    let dump = try accepted { $0.bytes.store(UInt32.max, at: $0.notesOffset + 356 + field) }
    #expect(dump.notes.map(\.name) == ["CORE"])
    #expect(dump.remarks == [.damage("a note runs past the end of the notes: it and those behind it are ignored")])
  }

  @Test func row52ProcessStatusOfAnotherSize() throws {
    let notes = ElfNotes.note(name: "CORE", type: 1, descriptor: Array(repeating: 0, count: 144))
    let dump = try OpenedDump(KdumpSample(notes: notes).bytes).dump
    #expect(dump.remarks == [.oddity("1 NT_PRSTATUS notes are not of 336 bytes: ignored")])
  }

  @Test func row53MoreNotesThanProcessors() throws {
    var sample = KdumpSample()
    sample.bytes.store(UInt64(sample.bytes.count), at: 4096 + 48)
    sample.bytes.store(UInt64(70_000 * 20), at: 4096 + 56)
    let note = ElfNotes.note(name: "CORE", type: 2, descriptor: [])
    for _ in 0..<70_000 { sample.bytes += note }
    let dump = try OpenedDump(sample.bytes).dump
    #expect(dump.notes.count == 65536)
    #expect(dump.remarks.contains(.damage("more than 65536 notes: the rest is ignored")))
  }

  @Test(arguments: outside)
  func row54TextOutsideTheFile(offset: UInt64, size: UInt64) throws {
    let dump = try accepted { sample in
      sample.bytes.store(offset, at: 4096 + 32)
      sample.bytes.store(size, at: 4096 + 40)
    }
    #expect(
      dump.remarks == [
        .damage("offset_vmcoreinfo \(hex(offset)) with size_vmcoreinfo \(size) lies outside the file: ignored")
      ])
    #expect(dump.vmcoreinfo?.text == KdumpSample.text)
  }

  @Test(arguments: ["PAGESIZE=4096\n", "OSRELEASE=6.1\u{80}\n", "\0OSRELEASE=6.1\n"])
  func row55TextThatIsNone(text: String) throws {
    let dump = try OpenedDump(KdumpSample(ownText: Array(text.utf8)).bytes).dump
    #expect(dump.remarks == [.damage("the text at offset_vmcoreinfo is not VMCOREINFO: ignored")])
    #expect(dump.vmcoreinfo?.text == KdumpSample.text)
  }

  @Test func row56LinesThatAreNone() throws {
    let long = String(repeating: "x", count: 4096)
    let text = "no equals sign\nLONG\(long)=1\nOSRELEASE=6.1.0-odd\nPAGESIZE=4096\n"
    let info = try #require(VMCoreInfo(Array(text.utf8)))
    #expect(info.osrelease == "6.1.0-odd")
    #expect(info["PAGESIZE"] == "4096")
    #expect(info["LONG\(long)"] == nil)
  }

  @Test func row57TwoTexts() throws {
    var notes = ElfNotes.note(name: "VMCOREINFO", type: 0, descriptor: Array("nothing".utf8))
    notes += ElfNotes.note(name: "VMCOREINFO", type: 0, descriptor: Array("OSRELEASE=6.1.0-first\n".utf8))
    notes += ElfNotes.note(name: "VMCOREINFO", type: 0, descriptor: Array("OSRELEASE=6.1.0-second\n".utf8))
    let dump = try OpenedDump(KdumpSample(notes: notes, ownText: []).bytes).dump
    #expect(dump.vmcoreinfo?.osrelease == "6.1.0-first")
    #expect(dump.remarks == [.oddity("3 VMCOREINFO notes: the first that is VMCOREINFO counts")])
  }

  /// A kernel that was left by kexec may have left its note, before the running one's or behind it.
  @Test(arguments: [true, false])
  func row57TheTextOfTheKernelThatCrashed(isFirst: Bool) throws {
    let crashed = ElfNotes.note(
      name: "VMCOREINFO", type: 0, descriptor: Array("OSRELEASE=6.1.0-crashed\nCRASHTIME=1700000000\n".utf8))
    let old = ElfNotes.note(name: "VMCOREINFO", type: 0, descriptor: Array("OSRELEASE=3.10.0-old\n".utf8))
    let notes = isFirst ? crashed + old : old + crashed
    let dump = try OpenedDump(KdumpSample(notes: notes, ownText: []).bytes).dump
    #expect(dump.vmcoreinfo?.osrelease == "6.1.0-crashed")
    #expect(dump.remarks == [.oddity("2 VMCOREINFO notes: the one that the kernel which crashed wrote counts")])
  }

  /// Rows 60 and 61: SplitSetTests.
  @Test(
    arguments: [(15, 5, "at least start_pfn, 0xf"), (0, 1 << 50, "at most max_mapnr, 0x14")]
      as [(UInt64, UInt64, String)])
  func row58And59PartWithFramesThatCannotBe(start: UInt64, end: UInt64, expected: String) throws {
    let error = try refusal { sample in
      sample.bytes.store(UInt32(1), at: 4096 + 12)
      sample.bytes.store(start, at: 4096 + 80)
      sample.bytes.store(end, at: 4096 + 88)
    }
    #expect(
      error
        == .format(
          FormatError(file: "dump", offset: 4096 + 88, field: "end_pfn", expected: expected, found: hex(end))))
  }

  @Test(arguments: [0, -1])
  func row62NoProcessors(count: Int32) throws {
    let dump = try accepted { $0.bytes.store(count, at: 460) }
    #expect(dump.remarks == [.oddity("nr_cpus is \(count)")])
  }

  @Test(arguments: [2, 4])
  func row63NameWithoutEnd(name: Int) throws {
    let dump = try accepted { $0.replace(12 + 65 * name, with: Array(repeating: 0x1b, count: 65)) }
    #expect(dump.remarks == [.oddity("a name in utsname has no end: it is cut")])
  }

  @Test func row64OtherCodecThanTheHeaders() throws {
    let dump = try accepted { $0.bytes.store(UInt32(0x20), at: 424) }
    #expect(dump.summary.codec == .zstd)
  }

  @Test(arguments: [(16, "type"), (24, "version")])
  func row66FlattenedOfAnotherKind(offset: Int, field: String) throws {
    var bytes = RecipeFlattened.wrap(KdumpSample().bytes)
    bytes[offset + 7] = 2
    guard case .format(let error) = try OpenedDump.refusal(bytes) else {
      Issue.record("read, or refused otherwise")
      return
    }
    #expect(error.field == field && error.offset == UInt64(offset) && error.found == "2")
  }

  @Test func row67FlattenedWithoutEnd() throws {
    let bytes = Array(RecipeFlattened.wrap(KdumpSample().bytes).dropLast(16))
    let opened = try OpenedDump(bytes)
    #expect(opened.dump.summary.incomplete)
    #expect(
      opened.dump.remarks == [
        .missingTail(
          "the file is cut: it ends at byte \(bytes.count), without the mark at the end of a flattened dump")
      ])
    #expect(opened.wrong(KdumpSample.stored, KdumpSample.page) == [])
  }

  @Test(arguments: [(1 << 63, 8), (0, 0), (8, 1 << 63), (.max >> 1, 8), (.max, 0), (0, .max)] as [(UInt64, UInt64)])
  func row68FlattenedRecordThatCannotBe(offset: UInt64, size: UInt64) throws {
    let record = RecipeFlattened.record(at: offset, [], size: size)
    let sound = RecipeFlattened.record(at: 0, Array("KDUMP   ".utf8))
    guard case .format(let error) = try OpenedDump.refusal(RecipeFlattened.head + sound + record) else {
      Issue.record("read, or refused otherwise")
      return
    }
    #expect(error.field == "record of a flattened dump" && error.offset == UInt64(4096 + sound.count))
  }

  @Test func row69EraseInfoIsNotLookedAt() throws {
    let dump = try accepted { sample in
      sample.bytes.store(UInt64.max, at: 4096 + 64)
      sample.bytes.store(UInt64.max, at: 4096 + 72)
    }
    #expect(dump.remarks == [])
  }

  @Test func otherMachinesAreRefusedByName() throws {
    let remedy = "only x86_64 hosts run VMX guests"
    #expect(
      try refusal { $0.replace(12 + 65 * 4, with: Array("aarch64\0".utf8)) }
        == .unsupported(file: "dump", format: "a kdump of a machine of type aarch64", remedy: remedy))
    #expect(
      try refusal { $0.replace(12 + 65 * 4, with: [0x1b, 0x5b, 0x41, 0, 0, 0, 0]) }
        == .unsupported(file: "dump", format: "a kdump of a machine of type ?[A", remedy: remedy))
    let error = try refusal { sample in
      sample.replace(12 + 65 * 4, with: Array(repeating: 0, count: 65))
      sample.bytes.store(UInt32(4096), at: 416)
      sample.bytes.store(UInt32(20), at: 428)
    }
    #expect(error == .unsupported(file: "dump", format: "a kdump of a 32-bit machine", remedy: remedy))
  }
}

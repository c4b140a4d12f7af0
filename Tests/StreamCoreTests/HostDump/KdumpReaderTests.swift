import HostRecipes
import Testing

@testable import StreamCore

/// What a sound kdump-compressed file says.
@Suite struct KdumpReaderTests {
  @Test(arguments: 1...6 as ClosedRange<Int32>)
  func everyHeaderVersionIsReadByItsOwnFields(version: Int32) throws {
    let opened = try OpenedDump(KdumpSample(version: version).bytes)
    let dump = opened.dump
    #expect(
      dump.summary
        == HostDumpSummary(
          format: "kdump-compressed", headerVersion: Int(version), codec: .lzo, dumpLevel: 17, frames: 20,
          storedPages: 17, incomplete: false))
    #expect(opened.wrong(KdumpSample.stored, KdumpSample.page) == [])
    #expect(dump.notes.map(\.name) == (version >= 4 ? ["CORE", "VMCOREINFO"] : []))
    #expect(dump.vmcoreinfo?.osrelease == (version >= 3 ? "6.1.0-sample" : nil))
    #expect(dump.remarks == [])
  }

  @Test func presenceTellsStoredFilteredAndUnknownApart() throws {
    let dump = try OpenedDump(KdumpSample().bytes).dump
    #expect(
      (0..<22).map { dump.presence($0) }
        == (0..<22).map { frame in
          switch frame {
          case 5: .filtered
          case 12, 13, 20...: .unknown
          default: .stored
          }
        })
    #expect(dump.presence(1 << 45) == .unknown)
  }

  @Test func entriesComeByFrameWithTheirPlace() throws {
    let sample = KdumpSample()
    let dump = try OpenedDump(sample.bytes).dump
    let entries = try dump.entries(in: 2..<9)
    #expect(entries.compactMap(\.frame) == [2, 3, 4, 6, 7, 8])
    let zero = StoredPage(frame: 3, offset: UInt64(sample.data), size: 4096, codec: .raw)
    #expect(entries[1] == .page(zero))
    #expect(entries[0] == .page(StoredPage(frame: 2, offset: sample.offset(2), size: sample.size(2), codec: .lzo)))
    #expect(try dump.entries(in: 12..<14) == [])
    #expect(try dump.entries(in: 20..<1 << 40) == [])
    #expect(dump.stretches == [0..<4096])
  }

  @Test func theTextBehindItsOffsetComesFirst() throws {
    let other = Array("OSRELEASE=6.1.0-other\n".utf8)
    let dump = try OpenedDump(KdumpSample(ownText: other).bytes).dump
    #expect(dump.vmcoreinfo?.osrelease == "6.1.0-other")
    #expect(dump.remarks == [.damage("the VMCOREINFO note differs from the text at offset_vmcoreinfo, which counts")])
  }

  @Test func theNoteServesWhereThereIsNoOffset() throws {
    var sample = KdumpSample()
    sample.bytes.store(UInt64(0), at: 4096 + 32)
    #expect(try OpenedDump(sample.bytes).dump.vmcoreinfo?.text == KdumpSample.text)
  }

  @Test func aRecipeHostIsReadWholeInEveryCodec() throws {
    let host = try HostRecipe("host ram 0-16M 256M-264M\nguest a ram 0-2M nolinux").build()
    for codec in RecipeCodec.allCases {
      let opened = try OpenedDump(host.kdump(codec))
      let frames = host.storedFrames(level: 17)
      #expect(opened.dump.summary.storedPages == UInt64(frames.count))
      #expect(opened.wrong(frames) { host.memory.page($0) } == [], "\(codec)")
    }
  }

  @Test func aBitmapInAHoleOfExabytesIsNotRead() throws {
    // 2^40 frames: two bitmaps of 128 GiB, of which one block each holds anything.
    let half: UInt64 = 1 << 37
    var sample = KdumpSample()
    sample.bytes.store(UInt32(half / 4096 * 2), at: 436)
    sample.bytes.store(UInt32.max, at: 440)
    sample.bytes.store(UInt64(1) << 40, at: 4096 + 96)
    let moved = 2 * half - 8192
    for frame in KdumpSample.stored { sample.bytes.store(sample.offset(frame) + moved, at: sample.descriptor(frame)) }
    var file = RecipeFile()
    file.put(Array(sample.bytes[..<sample.bitmap2]), at: 0)
    file.put(Array(sample.bytes[sample.bitmap2..<sample.table]), at: UInt64(sample.bitmap1) + half)
    file.put(Array(sample.bytes[sample.table...]), at: UInt64(sample.table) + moved)
    let directory = try RecipeDirectory()
    let dump = try openHostDump(path: try directory.write(file, as: "dump"))
    #expect(dump.summary.frames == 1 << 40)
    #expect(dump.summary.storedPages == 17)
    let memory = HostMemory(dump)
    #expect(KdumpSample.stored.allSatisfy { memory.page($0).page?.bytes == KdumpSample.page($0) })
    #expect(dump.presence((1 << 40) - 1) == .unknown)
    #expect(dump.input.counters[.headers] < 8 << 20)
  }
}

extension StoredEntry {
  fileprivate var frame: UInt64? { if case .page(let page) = self { page.frame } else { nil } }
}

import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Flattened files, read in place: what `makedumpfile -R` would make of them.
@Suite struct FlattenedTests {
  /// A flattened file and the plain one, made record by record.
  private struct Pair {
    var flattened = RecipeFlattened.head
    var plain: [UInt8] = []
    /// Bytes of the plain file that a record has.
    var held: [Bool] = []

    mutating func put(_ bytes: [UInt8], at offset: Int) {
      flattened += RecipeFlattened.record(at: UInt64(offset), bytes)
      let more = max(0, offset + bytes.count - plain.count)
      plain += [UInt8](repeating: 0, count: more)
      held += [Bool](repeating: false, count: more)
      plain.replaceSubrange(offset..<offset + bytes.count, with: bytes)
      held.replaceSubrange(offset..<offset + bytes.count, with: bytes.map { _ in true })
    }

    /// - Parameter isCut: without the mark at the end.
    func view(isCut: Bool = false, mapped: Bool = true) throws -> InputFile {
      let directory = try RecipeDirectory()
      let path = try directory.write(flattened + (isCut ? [] : RecipeFlattened.end), as: "flat")
      let file = try InputFile(path: path, mapped: mapped)
      return InputFile(in: file, try FlattenedFile(file), form: "unflattened")
    }
  }

  private static func noise(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 1...255, using: &random) }
  }

  @Test(arguments: [7, 100, 4096, 1 << 20], [true, false])
  func aFlattenedDumpReadsAsThePlainOne(recordSize: Int, mapped: Bool) throws {
    let directory = try RecipeDirectory()
    let sample = KdumpSample()
    let plain = try OpenedDump(sample.bytes).dump
    let path = try directory.write(RecipeFlattened.wrap(sample.bytes, recordSize: recordSize), as: "flat")
    let dump = try openHostDump(path: path, mapped: mapped)
    #expect(dump.summary == plain.summary)
    #expect(dump.notes == plain.notes)
    #expect(dump.remarks == [])
    #expect(try dump.entries(in: 0..<20) == plain.entries(in: 0..<20))
    let memory = HostMemory(dump)
    #expect(KdumpSample.stored.filter { memory.page($0).page?.bytes != KdumpSample.page($0) } == [])
  }

  @Test func laterRecordsCountAndWhatNoneHasIsZero() throws {
    var pair = Pair()
    pair.put([1, 1, 1, 1], at: 0)
    pair.put([2, 2, 2, 2], at: 4)
    pair.put([3, 3], at: 3)
    pair.put([4], at: 20)
    pair.put([5, 5, 5, 5, 5, 5], at: 1)
    pair.put([6], at: 2)
    let view = try pair.view()
    #expect(try view.read(at: 0, count: 100) == pair.plain)
    #expect(pair.plain == [1, 5, 6, 5, 5, 5, 5, 2] + [UInt8](repeating: 0, count: 12) + [4])
    #expect(view.nextData(from: 8) == 20 && view.nextData(from: 3) == 3 && view.nextData(from: 21) == nil)
  }

  /// Two streams that alternate as data and descriptors do, records that jump, and records that are written again.
  @Test(arguments: 0..<40 as Range<UInt64>)
  func recordsInAnyOrderComeToThePlainFile(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    var pair = Pair()
    var streams = (0..<Int.random(in: 1...6, using: &random)).map { $0 * 3000 }
    for _ in 0..<Int.random(in: 1...400, using: &random) {
      let bytes = Self.noise(Int.random(in: 1...50, using: &random), &random)
      let stream = Int.random(in: 0..<streams.count, using: &random)
      if seed % 2 == 1, Int.random(in: 0..<12, using: &random) == 0 {
        pair.put(bytes, at: Int.random(in: 0..<max(1, pair.plain.count), using: &random))
      } else {
        pair.put(bytes, at: streams[stream])
        streams[stream] += bytes.count
      }
    }
    let isCut = seed % 3 == 0
    let view = try pair.view(isCut: isCut, mapped: seed % 4 < 2)
    #expect(view.isCut == isCut && view.size == UInt64(pair.plain.count))
    #expect(try view.read(at: 0, count: pair.plain.count + 1) == pair.plain)
    for _ in 0..<400 {
      let start = Int.random(in: 0..<pair.plain.count, using: &random)
      let count = Int.random(in: 0...80, using: &random)
      let truth = Array(pair.plain[start..<min(start + count, pair.plain.count)])
      #expect(try view.lend(at: UInt64(start), count: count) { $0.bytes(0, count: $0.byteCount) } == truth)
      let held = isCut ? pair.held[start...].prefix(count).prefix { $0 }.count : truth.count
      #expect(view.held(from: UInt64(start), count: UInt64(count)) == UInt64(held))
      let next = pair.held[start...].firstIndex(of: true).map { UInt64($0) }
      #expect(view.nextData(from: UInt64(start)) == next)
    }
    try view.check()
  }

  /// What the rest of a cut file has is read and counted; a page is never taken for zeros.
  @Test(arguments: [64, 3000])
  func aCutFileGivesWhatIsThere(recordSize: Int) throws {
    let sample = KdumpSample()
    let whole = RecipeFlattened.wrap(sample.bytes, recordSize: recordSize)
    var readable = 0
    var partly = 0
    for count in stride(from: 0, to: whole.count - 16, by: 531) {
      let bytes = Array(whole.prefix(count))
      guard try OpenedDump.refusal(bytes) == nil else { continue }
      readable += 1
      let opened = try OpenedDump(bytes)
      #expect(opened.dump.summary.incomplete)
      #expect(opened.dump.remarks.contains { $0.isLoss && $0.text.contains("ends at byte \(count)") })
      let memory = HostMemory(opened.dump)
      let there = KdumpSample.stored.filter { memory.page($0).page != nil }
      #expect(there.filter { memory.page($0).page?.bytes != KdumpSample.page($0) } == [])
      let entries = try opened.dump.entries(in: 0..<20)
      #expect(entries.count == KdumpSample.stored.count)
      let faults = entries.count { if case .fault = $0 { true } else { false } }
      #expect(faults == KdumpSample.stored.count - there.count)
      var seen = 0
      _ = try opened.dump.forEachFault(in: 0..<20) { _, _ in seen += 1 }
      #expect(seen == faults)
      if !there.isEmpty && faults > 0 { partly += 1 }
    }
    #expect(readable > 3 && partly > 3)
  }

  @Test func whatIsInItIsNamedAsWhatIsNot() throws {
    #expect(
      try OpenedDump.refusal(RecipeFlattened.wrap(Array("no dump at all".utf8)))
        == .unknown(file: "dump", found: "6e 6f 20 64 75 6d 70 20"))
    guard case .format(let error) = try OpenedDump.refusal(RecipeFlattened.head) else {
      Issue.record("a head alone is not refused")
      return
    }
    #expect(error.found == "none of them in what is left of the file")
  }

  /// No writer leaves bytes in so many places, and an index of them would be as large as the file.
  @Test func piecesWithoutNumberAreRefused() throws {
    var bytes = RecipeFlattened.head
    for index in 0...UInt64(65_636) { bytes += RecipeFlattened.record(at: index * 2, [0x55]) }
    guard case .unsupported(_, let format, let remedy) = try OpenedDump.refusal(bytes + RecipeFlattened.end) else {
      Issue.record("not refused by name")
      return
    }
    #expect(format == "a flattened dump in more than 65540 places, which no writer leaves")
    #expect(remedy.contains("makedumpfile -R"))
  }

  /// Damaged heads of records: an answer, and no page that is another.
  @Test func damagedRecordsEndInAnAnswer() throws {
    let sample = KdumpSample()
    let whole = RecipeFlattened.wrap(sample.bytes, recordSize: 1000)
    var random = SeededGenerator(5)
    var read = 0
    for _ in 0..<300 {
      var bytes = whole
      let record = 4096 + 1016 * Int.random(in: 0..<sample.bytes.count / 1000, using: &random)
      bytes[record + Int.random(in: 0..<16, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      guard try OpenedDump.refusal(bytes) == nil else { continue }
      read += 1
      let memory = HostMemory(try OpenedDump(bytes).dump)
      for frame in 0..<20 as Range<UInt64> { _ = memory.page(frame) }
    }
    #expect(read > 10)
  }

  @Test(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"), arguments: ["haswell", "mini"])
  func aRealFileReadsAsThePlainOneByAnIndexOfABitAPage(name: String) throws {
    let folder = (KVMRealHost.folder ?? "") + "/" + name
    let plain = try openHostDump(path: folder + "/host.lzo.kdump")
    let flat = try openHostDump(path: folder + "/host.flat")
    #expect(flat.summary == plain.summary)
    #expect(flat.vmcoreinfo == plain.vmcoreinfo)
    for stretch in plain.stretches {
      let entries = try plain.entries(in: stretch)
      #expect(try flat.entries(in: stretch) == entries)
      for case .page(let page) in entries {
        let bytes = try [plain, flat].map { dump in
          try dump.input.source.lend(at: page.offset, of: 0, count: Int(page.size)) { $0.bytes(0, count: $0.byteCount) }
        }
        try #require(bytes[0] == bytes[1], "frame \(page.frame)")
      }
    }
    let index = try FlattenedFile(try InputFile(path: folder + "/host.flat")).indexBytes
    print("\(name): index of \(index) bytes for \(flat.summary.storedPages) pages of \(flat.summary.frames) frames")
    #expect(UInt64(index) < flat.summary.storedPages / 8)
  }
}

import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// Split sets: parts of one dump, in any order.
@Suite struct SplitSetTests {
  private static let recipe = "host ram 40M seed 3\nguest a ram 0-2M nolinux"

  private func open(_ parts: [[UInt8]]) throws -> any HostDump {
    let directory = try RecipeDirectory()
    let files = try parts.enumerated().map { try InputFile(path: directory.write($1, as: "part-\($0 + 1)")) }
    return try openWholeInput(ByteSource(files[0], Array(files.dropFirst())))
  }

  private func refusal(_ parts: [[UInt8]]) throws -> HostDumpError {
    do {
      _ = try open(parts)
    } catch let error as HostDumpError {
      return error
    }
    throw Missing()
  }

  private struct Missing: Error {}

  /// Places may differ, pages may not.
  private func expectEqual(_ dump: any HostDump, _ whole: any HostDump) throws {
    var summary = dump.summary
    summary.incomplete = whole.summary.incomplete
    #expect(summary == whole.summary)
    #expect(dump.notes == whole.notes && dump.vmcoreinfo == whole.vmcoreinfo)
    #expect(dump.stretches == whole.stretches)
    let memories = (HostMemory(dump), HostMemory(whole))
    var frame: UInt64 = 0
    while frame < whole.summary.frames + 10 {
      let run = dump.presenceRun(frame, limit: whole.summary.frames + 10)
      #expect(run.end > frame)
      for frame in frame..<run.end { try #require(whole.presence(frame) == run.presence, "frame \(frame)") }
      frame = run.end
    }
    for stretch in whole.stretches {
      for frame in stretch where whole.presence(frame) == .stored {
        try #require(memories.0.page(frame).page == memories.1.page(frame).page, "frame \(frame)")
      }
      #expect(try dump.entries(in: stretch).count == whole.entries(in: stretch).count)
      var batches = (PageBatch(), PageBatch())
      try dump.load(stretch, into: &batches.0)
      try whole.load(stretch, into: &batches.1)
      #expect(batches.0.count == batches.1.count)
    }
  }

  @Test(arguments: [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]])
  func partsInAnyOrderAreTheWhole(order: [Int]) throws {
    let host = try HostRecipe(Self.recipe).build()
    let parts = host.kdumpParts(3)
    let set = try open(order.map { parts[$0] })
    #expect(set.remarks == [])
    #expect(set.input.source.files.map { $0.path.hasSuffix("part-1") } == [0, 1, 2].map { order.first == $0 })
    try expectEqual(set, OpenedDump(host.kdump()).dump)
  }

  @Test(arguments: [1, 63, 64, 4095, 5000, 9000] as [UInt64])
  func partsMayBeginAtAnyFrame(cut: UInt64) throws {
    let host = try HostRecipe(Self.recipe).build()
    let parts = [0..<cut, cut..<cut, cut..<host.space.end].map { RecipeKdump(part: $0).bytes(of: host) }
    try expectEqual(try open([parts[2], parts[0], parts[1]]), OpenedDump(host.kdump()).dump)
    try expectEqual(
      try open([RecipeFlattened.wrap(parts[2], recordSize: 3000), parts[0]]), OpenedDump(host.kdump()).dump)
  }

  /// One of three at a time is not there.
  @Test(arguments: 0..<3)
  func aMissingPartIsNamedAndItsPagesAreLost(index: Int) throws {
    let host = try HostRecipe(Self.recipe).build()
    let bounds: [UInt64] = [0, 3000, 6000, host.space.end]
    let ranges = (0..<3).map { bounds[$0]..<bounds[$0 + 1] }
    var parts = ranges.map { RecipeKdump(part: $0).bytes(of: host) }
    parts.remove(at: index)
    let set = try open(parts)
    let frames = "\(hex(ranges[index].lowerBound)) to \(hex(ranges[index].upperBound - 1))"
    #expect(
      set.remarks == [.missingTail("a part of the split set is missing: no file has the pages of frames \(frames)")])
    #expect(set.summary.incomplete)
    let whole = try OpenedDump(host.kdump()).dump
    for frame in 0..<host.space.end + 2 {
      let presence = whole.presence(frame)
      let isMissing = ranges[index].contains(frame) && presence == .stored
      try #require(set.presence(frame) == (isMissing ? .lost : presence), "frame \(frame)")
      if isMissing { #expect(try set.entry(frame) == nil) }
    }
  }

  @Test func partsOfAnotherDumpAreRefusedByName() throws {
    let host = try HostRecipe(Self.recipe).build()
    let parts = host.kdumpParts(2)
    let other = try HostRecipe("host ram 40M seed 4\nguest a ram 0-3M nolinux").build().kdumpParts(2)
    var renamed = parts[1]
    renamed[300] ^= 1
    for second in [other[1], renamed] {
      guard case .format(let error) = try refusal([parts[0], second]) else {
        Issue.record("refused otherwise")
        continue
      }
      #expect(error.file.hasSuffix("part-2") && error.expected.contains("part-1"))
      #expect(error.found == "those of another dump")
    }
  }

  @Test func framesOfTwoPartsAreRefused() throws {
    let host = try HostRecipe(Self.recipe).build()
    let parts = [0..<5000, 4000..<host.space.end].map { RecipeKdump(part: $0).bytes(of: host) }
    for pair in [parts, [parts[0], parts[0]]] {
      guard case .format(let error) = try refusal(pair) else {
        Issue.record("refused otherwise")
        continue
      }
      #expect(error.field == "start_pfn" && error.found.contains("part-1 has 0x0 to 0x1387"))
    }
  }

  @Test func whatIsNoPartIsRefusedBesideOne() throws {
    let host = try HostRecipe(Self.recipe).build()
    let parts = host.kdumpParts(2)
    for (other, found) in [(host.kdump(), "0, a dump of its own"), (host.elf(.vmcore), "no kdump-compressed file")] {
      guard case .format(let error) = try refusal([parts[0], other]) else {
        Issue.record("refused otherwise")
        continue
      }
      #expect(error.found == found && error.file.hasSuffix("part-2"))
    }
    #expect(try refusal([host.kdump(), host.elf(.vmcore)]) == .severalDumps(count: 2))
    let empty = RecipeKdump(part: 5000..<5000).bytes(of: host)
    guard case .format(let error) = try refusal([empty]) else {
      Issue.record("an empty part alone is not refused")
      return
    }
    #expect(error.field == "end_pfn")
  }

  @Test(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"), arguments: ["haswell", "mini"])
  func aRealSetIsTheWhole(name: String) throws {
    let folder = (KVMRealHost.folder ?? "") + "/" + name
    let files = try [2, 3, 1].map { try InputFile(path: folder + "/host.split-\($0).kdump") }
    let set = try openWholeInput(ByteSource(files[0], Array(files[1...])))
    #expect(set.remarks == [])
    try expectEqual(set, openHostDump(path: folder + "/host.lzo.kdump"))
  }
}

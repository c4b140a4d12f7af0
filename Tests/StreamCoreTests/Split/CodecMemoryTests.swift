import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// A codec that gets no memory ends the run: no page is called damaged, or left as it is, for that.
@Suite struct CodecMemoryTests {
  private static let recipe = "host ram 64M\nguest a ram 0-4M nolinux"
  private let directory: RecipeDirectory
  private let starved = DecoderPool { PageDecoder(hasMemory: false) }

  init() throws { directory = try RecipeDirectory() }

  private func write(_ codec: RecipeCodec) throws -> String {
    try directory.write(try HostRecipe(Self.recipe).build().kdump(codec), as: "host")
  }

  private func error(_ codec: String) -> SystemError {
    SystemError(call: "init", path: "codec \(codec)", code: ENOMEM)
  }

  @Test(arguments: [(RecipeCodec.zlib, "zlib"), (.zstd, "zstd")], [false, true])
  func theScanBlamesNoPage(codec: (RecipeCodec, String), isPlain: Bool) throws {
    let path = try write(codec.0)
    var options = Inspection.Options(.list, workers: Workers(count: 2))
    options.decoders = starved
    options.isPlain = isPlain
    let failure = #expect(throws: Failure.io(error(codec.1))) { try Inspection.run(path: path, options) }
    #expect(failure?.exitStatus(signal: 0).code == 74)
  }

  @Test(arguments: [(RecipeCodec.zlib, "zlib"), (.zstd, "zstd")])
  func theStepThatReadTheHostsMemoryEndsWithIt(codec: (RecipeCodec, String)) throws {
    let dump = try openHostDump(path: try write(codec.0))
    let frame = try #require(try Self.compressedFrame(of: dump))
    let checkpoint = Checkpoint(dump.input.source, Workers(count: 1))
    let memory = HostMemory(dump, decoders: starved)
    #expect(throws: error(codec.1)) { try checkpoint.step { _ = memory.page(frame) } }
  }

  /// Into another codec, into none, and through with every page decoded.
  @Test(arguments: [(PageCodec?.some(.zstd), false), (.some(.raw), false), (.none, true)])
  func theSplitBlamesNoPage(codec: PageCodec?, verifies: Bool) throws {
    let workers = Workers(count: 2)
    var inspection = try Inspection.run(path: try write(.zlib), .init(.split, workers: workers))
    inspection.decoders = starved
    let output = directory.path.appending(path: "out").path
    let split = Split(
      inspection: inspection, directory: output, format: guestDumpFormats[0], codec: codec, verifies: verifies)
    #expect(throws: Failure.io(error("zlib"))) { try split.run(workers, .none) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: output) == [])
  }

  @Test(arguments: [PageCodec.zlib, .zstd])
  func anEncoderLeavesNoPageRawForWantOfMemory(codec: PageCodec) throws {
    let encoder = PageEncoder(codec, hasMemory: false)
    var output: [UInt8] = []
    #expect(throws: error(codec.name)) {
      try CodecSamples.zero.withBytes { page throws(SystemError) in try encoder.encode(page, into: &output) }
    }
    #expect(output == [])
  }

  private static func compressedFrame(of dump: any HostDump) throws -> UInt64? {
    for stretch in dump.stretches {
      var found: UInt64?
      try dump.visit(stretch, page: { if $0.codec != .raw { found = $0.frame } }, fault: { _ in })
      if let found { return found }
    }
    return nil
  }
}

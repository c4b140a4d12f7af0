import Foundation
import HostRecipes
@testable import StreamCore
import Testing

/// Outputs of a generated host are read again: whole they are right, and each way to spoil them is told.
@Suite struct VerificationTests {
  private static let recipe = """
    host ram 64M cpus 2 kernel 6.1 symbols types
    guest a ram 0-4M linux 6.1.0-a
      filter 3M+512K-3M+576K
    """
  private let workers = Workers(count: 2)

  private func run(_ format: String = "kdump", codec: PageCodec? = nil, checksums: Bool = true) throws -> SplitRun {
    var options = SplitRun.Options()
    options.format = format
    options.codec = codec
    options.checksums = checksums
    return try SplitRun(Self.recipe, options)
  }

  /// Of the guest's file in the output directory.
  private func verify(_ run: SplitRun) throws -> (all: Verification, file: Verification.File) {
    let verification = try Verification.run(path: run.output.path, workers)
    let name = try #require(run.manifest.guests.first?.output?.file)
    return (verification, try #require(verification.files.first { $0.path.hasSuffix("/\(name)") }))
  }

  private func path(_ run: SplitRun) throws -> URL {
    run.output.appending(path: try #require(run.manifest.guests.first?.output?.file))
  }

  @Test(
    arguments: [
      ("kdump", nil), ("kdump", .raw), ("kdump", .zlib), ("kdump", .zstd), ("elf", nil),
    ] as [(String, PageCodec?)])
  func whatIsWholeIsRight(format: String, codec: PageCodec?) throws {
    let run = try run(format, codec: codec)
    let (all, file) = try verify(run)
    #expect(all.isRight, "\(all.files)")
    #expect(all.files.count == 2)
    #expect(file.hasChecksum)
    let pages = try #require(run.manifest.guests.first?.pages)
    #expect(pages.absent["filtered"] == 16)
    #expect(file.pages == pages.known.map { $0 - 16 })
  }

  @Test func theManifestHasTheSumOfTheFile() throws {
    let run = try run()
    let bytes = [UInt8](try Data(contentsOf: path(run)))
    let sum = SHA256()
    sum.update(bytes)
    #expect(run.manifest.guests.first?.output?.sha256 == sum.finish())
    let without = try self.run(checksums: false)
    #expect(without.manifest.guests.first?.output?.sha256 == nil)
    #expect(try !verify(without).file.hasChecksum)
  }

  /// Where the first page lies that is compressed with zlib.
  private func firstStream(_ path: String) throws -> Range<Int> {
    let dump = try openHostDump(ByteSource(try InputFile(path: path)))
    var found: Range<Int>?
    for frames in dump.stretches {
      try dump.visit(
        frames,
        page: { page in
          if found == nil, page.codec == .zlib { found = Int(page.offset)..<Int(page.offset) + Int(page.size) }
        }, fault: { _ in })
    }
    return try #require(found)
  }

  @Test(arguments: [true, false]) func aDamagedPageIsTold(checksums: Bool) throws {
    let run = try run(codec: .zlib, checksums: checksums)
    var bytes = [UInt8](try Data(contentsOf: path(run)))
    let stream = try firstStream(path(run).path)
    bytes.replaceSubrange(stream, with: Array(repeating: 0xff, count: stream.count))
    try Data(bytes).write(to: try path(run))
    let (all, file) = try verify(run)
    #expect(all.exitStatus == .incomplete)
    #expect(file.wrong.contains { $0.hasPrefix("page 0x") && $0.contains("damaged") })
    #expect(file.wrong.contains { $0.contains("SHA-256") } == checksums)
  }

  @Test func aCutFileIsTold() throws {
    let run = try run()
    let bytes = try Data(contentsOf: path(run))
    try bytes.prefix(bytes.count - 5000).write(to: try path(run))
    let file = try verify(run).file
    #expect(file.wrong.contains { $0.contains("\(bytes.count - 5000) bytes, and \(bytes.count) by the manifest") })
    #expect(file.wrong.contains { $0.contains("the file is cut") })
  }

  @Test(arguments: [0, 3, 4096]) func whatIsNoDumpAnyMoreIsTold(count: Int) throws {
    let run = try run()
    try Data(repeating: 0, count: count).write(to: try path(run))
    #expect(try verify(run).file.wrong.contains { $0.contains("it is no dump") })
  }

  @Test func aMissingFileAndAForeignOneAreTold() throws {
    let run = try run()
    try FileManager.default.moveItem(at: path(run), to: run.output.appending(path: "other.kdump"))
    try Data().write(to: run.output.appending(path: ".vmcs-split-1-1.tmp"))
    let (all, file) = try verify(run)
    #expect(file.wrong.first?.hasPrefix("it is missing") ?? false)
    let others = all.files.filter { $0.path != file.path && !$0.wrong.isEmpty }
    #expect(others.map { $0.path.split(separator: "/").last ?? "" } == [".vmcs-split-1-1.tmp", "other.kdump"])
  }

  /// The manifest was changed, or is another's.
  @Test(
    arguments: [
      (#""known" : "#, #""known" : 1"#, "pages, and"), (#""sha256" : ""#, #""sha256" : "0"#, "SHA-256"),
      (#""bytes" : "#, #""bytes" : 1"#, "bytes, and"),
      (#""format" : "kdump""#, #""format" : "elf""#, "of format kdump"),
      (#""zero" : "#, #""zero" : 9"#, "are zero"),
    ])
  func aManifestThatSaysOtherwiseIsTold(find: String, replace: String, told: String) throws {
    let run = try run()
    let manifest = run.output.appending(path: "manifest.json")
    let text = try String(contentsOf: manifest, encoding: .utf8)
    try #require(text.contains(find))
    try text.replacingOccurrences(of: find, with: replace).write(to: manifest, atomically: false, encoding: .utf8)
    let file = try verify(run).file
    #expect(file.wrong.contains { $0.contains(told) }, "\(file.wrong)")
  }

  /// A manifest is anyone's text: no name in it leads out of the directory.
  @Test(arguments: ["../host.dump", "/etc/passwd", "", ".hidden", "a/b"])
  func aNameThatLeadsElsewhereIsNotFollowed(name: String) throws {
    let run = try run()
    let manifest = run.output.appending(path: "manifest.json")
    let own = try path(run).lastPathComponent
    let text = try String(contentsOf: manifest, encoding: .utf8)
    try text.replacingOccurrences(of: "\"\(own)\"", with: "\"\(name)\"")
      .write(to: manifest, atomically: false, encoding: .utf8)
    let files = try Verification.run(path: run.output.path, workers).files
    #expect(files.first?.wrong.count == 1)
    #expect(files.map { $0.path.hasSuffix("manifest.json") || $0.path.hasSuffix(own) }.allSatisfy { $0 })
  }

  @Test(arguments: ["", "{}", "[1]", #"{"schema":"vmcs-split-manifest-9"}"#])
  func whatIsNoManifestIsTold(text: String) throws {
    let run = try run()
    try Data(text.utf8).write(to: run.output.appending(path: "manifest.json"))
    let verification = try Verification.run(path: run.output.path, workers)
    #expect(verification.files.count == 1 && !verification.isRight)
  }

  /// As a batch fills them.
  @Test func directoriesOfOutputsAreLookedThrough() throws {
    let run = try run()
    let parent = run.output.deletingLastPathComponent()
    let verification = try Verification.run(path: parent.path, workers)
    #expect(verification.isRight && verification.files.count == 2)
    let empty = try RecipeDirectory()
    #expect(try !Verification.run(path: empty.path.path, workers).isRight)
  }

  @Test func aSingleDumpOfAnyonesIsRead() throws {
    let host = try HostRecipe(Self.recipe).build()
    let directory = try RecipeDirectory()
    for (name, bytes) in [("a", host.kdump(.lzo)), ("b", host.elf())] {
      let path = try directory.write(bytes, as: name)
      let verification = try Verification.run(path: path, workers)
      #expect(verification.isRight, "\(verification.files)")
      #expect(verification.files.first?.pages ?? 0 > 0)
    }
    let path = try directory.write(Array("no dump".utf8), as: "c")
    #expect(throws: HostDumpError.self) { try Verification.run(path: path, workers) }
    #expect(throws: HostDumpError.self) { try Verification.run(path: path + "-none", workers) }
  }
}

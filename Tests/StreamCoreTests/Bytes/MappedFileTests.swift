import Foundation
import Glibc
import HostRecipes
import Testing

@testable import StreamCore

@Suite struct MappedFileTests {
  private func cut(_ path: String, to size: UInt64) throws {
    try FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: size)
  }

  @Test func lentBytesAreTheFilesAndEndWithIt() throws {
    let directory = try RecipeDirectory()
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let file = try InputFile(path: try directory.write(bytes, as: "file"))
    for (offset, count) in [(0, 16), (4090, 20), (9_990, 100), (10_000, 5), (20_000, 5)] as [(UInt64, Int)] {
      let lent = try file.lend(at: offset, count: count) { span in
        (0..<span.byteCount).compactMap { span.load($0, as: UInt8.self) }
      }
      #expect(lent == Array(bytes.dropFirst(Int(offset)).prefix(count)))
    }
    try file.check()
  }

  @Test func anEmptyFileLendsNothing() throws {
    let directory = try RecipeDirectory()
    let file = try InputFile(path: try directory.write([], as: "file"))
    #expect(try file.lend(at: 0, count: 10) { $0.byteCount } == 0)
  }

  @Test func aFileThatShrinksIsAnErrorAndNeverASignal() throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(Array(repeating: 0x55, count: 1 << 20), as: "file")
    let file = try InputFile(path: path)
    try cut(path, to: 4096)
    let seen = try file.lend(at: 512 << 10, count: 8) { $0.load(0, as: UInt64.self) }
    #expect(seen == 0)
    #expect(throws: SystemError(call: "read", path: path, code: EIO)) { try file.check() }
    // What is still there can be read, and the file goes on being known as broken.
    #expect(try file.lend(at: 0, count: 1) { $0.load(0, as: UInt8.self) } == 0x55)
    #expect(throws: SystemError.self) { try file.check() }
  }

  @Test func aDumpThatShrinksWhileItIsSplitEndsInAnErrorAndWritesNothing() throws {
    let directory = try RecipeDirectory()
    let host = try HostRecipe("host ram 64M\nguest a ram 0-4M nolinux").build()
    let path = try directory.write(host.kdump(.lzo), as: "host.kdump")
    let workers = Workers(count: 2)
    let inspection = try Inspection.run(path: path, Inspection.Options(.split, workers: workers))
    try cut(path, to: 64 << 10)
    let output = directory.path.appending(path: "out").path
    let split = Split(
      inspection: inspection, directory: output, format: guestDumpFormats[0], codec: nil)
    #expect(throws: Failure.io(SystemError(call: "read", path: path, code: EIO))) {
      try split.run(workers, Progress.none)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: output) == [])
  }
}

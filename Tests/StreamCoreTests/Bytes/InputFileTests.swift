import Foundation
import Glibc
import HostRecipes
import Testing

@testable import StreamCore

@Suite struct InputFileTests {
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

  /// What a file that shrinks leaves of a raw page.
  @Test func noBytesAreAllZero() {
    #expect([UInt8]().withBytes { $0.isZero })
    #expect([0].withBytes { $0.isZero })
    #expect(![1].withBytes { $0.isZero })
  }

  /// sysfs says 4096 bytes of every file, whatever it holds.
  private static let text = "/sys/kernel/mm/transparent_hugepage/enabled"

  @Test(.enabled(if: FileManager.default.fileExists(atPath: text)))
  func aTextMayEndBeforeItsSize() throws {
    let bytes = try InputFile(path: Self.text).text(limit: 64)
    #expect((1..<64).contains(bytes.count))
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

  /// A step that reads nothing any more learns of it, too.
  @Test func aFileThatIsNotMappedIsAskedForItsSize() throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(Array(repeating: 0x55, count: 1 << 20), as: "file")
    let file = try InputFile(path: path, mapped: false)
    try cut(path, to: 4096)
    #expect(throws: SystemError(call: "read", path: path, code: EIO)) { try file.check() }
  }

  @Test(arguments: [0, 4000, 512 << 10] as [UInt64])
  func anEarlyEndOfAFileThatIsNotMappedIsAFailedRead(offset: UInt64) throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(Array(repeating: 0x55, count: 1 << 20), as: "file")
    let file = try InputFile(path: path, mapped: false)
    #expect(try file.read(at: (1 << 20) - 5, count: 10).count == 5)
    try cut(path, to: 4096)
    let error = SystemError(call: "read", path: path, code: EIO)
    #expect(try file.read(at: 0, count: 4096).count == 4096)
    #expect(throws: error) { try file.read(at: offset, count: 8192) }
    // It is long enough again: what was read before is still not to be believed.
    try cut(path, to: 1 << 20)
    #expect(throws: error) { try file.check() }
  }

  /// What is short is the input, whatever was to be written of it.
  @Test(arguments: [true, false])
  func bytesThatTheInputLacksAreTheInputsFault(isMapped: Bool) throws {
    let directory = try RecipeDirectory()
    let path = try directory.write([1, 2, 3, 4], as: "in")
    let source = ByteSource(try InputFile(path: path, mapped: isMapped))
    let output = try OutputFile(path: directory.path.appending(path: "out").path)
    let pieces = [GatheredBytes.Piece.input(file: 0, offset: 2, count: 8)]
    #expect(throws: SystemError(call: "read", path: path, code: EIO)) {
      try output.write(GatheredBytes(pieces[...], input: source), at: 0)
    }
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

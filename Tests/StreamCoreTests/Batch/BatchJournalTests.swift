import Foundation
import HostRecipes
@testable import StreamCore
import Testing

@Suite struct BatchJournalTests {
  private let directory: RecipeDirectory

  init() throws { directory = try RecipeDirectory() }

  private var path: String { directory.path.appending(path: "batch.jsonl").path }
  private func journal() throws -> BatchJournal { try BatchJournal(in: directory.path.path) }

  private func ended(_ identity: String, _ outcome: BatchResult.Outcome, isList: Bool = false) -> BatchJournal.Ended {
    .init(
      identity: identity, path: "a", directory: nil, result: BatchResult(outcome, isList: isList), time: 1, tool: "t")
  }

  private func append(_ bytes: [UInt8]) throws {
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data(bytes))
  }

  private let stamp = FileStamp(device: 1, inode: 2, size: 3, modified: 4, changed: 5)

  @Test func whatWasNotedIsKnownToTheNextRunAndToAnotherAtTheSameTime() throws {
    let (one, other) = (try journal(), try journal())
    try one.note(ended("ab", .whole))
    #expect(try other.end(of: "ab", isList: false)?.result.outcome == .whole)
    try other.note(ended("ab", .losses))
    #expect(try one.end(of: "ab", isList: false)?.result.outcome == .losses)
    #expect(try journal().end(of: "ab", isList: false)?.result.outcome == .losses)
    #expect(try one.end(of: "cd", isList: false) == nil)
  }

  @Test func aListIsNoSplit() throws {
    let journal = try journal()
    try journal.note(ended("ab", .whole, isList: true))
    #expect(try journal.end(of: "ab", isList: false) == nil)
    #expect(try journal.end(of: "ab", isList: true) != nil)
  }

  @Test func aLookCountsAsLongAsTheFileStays() throws {
    let journal = try journal()
    let look = DumpLook(isDump: true, size: 3, sample: "12", identity: "ab", crashTime: 7)
    let name = PathText.text(of: [0x2f, 0xff, 0x0a])
    try journal.note(.init(path: name, stamp: stamp, look: look))
    #expect(try journal.look(at: name, stamp) == look)
    var other = stamp
    other.changed += 1
    #expect(try journal.look(at: name, other) == nil)
  }

  /// A run that died in the middle of a line.
  @Test func aTornLineCostsNoOther() throws {
    try journal().note(ended("ab", .whole))
    try append(Array(#"{"ended":{"identity":"cd"#.utf8))
    let next = try journal()
    #expect(try next.end(of: "ab", isList: false)?.result.outcome == .whole)
    try next.note(ended("ef", .no_guests))
    #expect(try journal().end(of: "ef", isList: false)?.result.outcome == .no_guests)
    #expect(try journal().end(of: "cd", isList: false) == nil)
  }

  @Test(
    arguments: [
      "\0\0\0\0\n", "[]\n", "{}\n{\"ended\":4}\n", "\u{feff}\n", "\n\n\n",
      "{\"ended\":{\"identity\":\"ab\"}}\n",
    ])
  func whatIsNoEntryIsPassedOver(garbage: String) throws {
    try journal().note(ended("ab", .whole))
    try append(Array(garbage.utf8))
    let next = try journal()
    try next.note(ended("cd", .whole))
    #expect(try next.end(of: "ab", isList: false) != nil)
    #expect(try next.end(of: "cd", isList: false) != nil)
  }

  /// A run that died before its first line was whole.
  @Test(arguments: 0..<31) func aTornBeginningIsBegunAnew(count: Int) throws {
    try Data(#"{"schema":"vmcs-split-batch-1"}"#.utf8.prefix(count)).write(to: URL(filePath: path))
    try journal().note(ended("ab", .whole))
    #expect(try journal().end(of: "ab", isList: false) != nil)
  }

  @Test(arguments: ["another file\n", #"{"schema":"vmcs-split-batch-2"}"# + "\n"])
  func anotherFileIsRefusedAndLeftAlone(text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
    #expect(throws: HostDumpError.self) { try self.journal() }
    #expect(try Data(contentsOf: URL(filePath: path)) == Data(text.utf8))
  }

  @Test func aClaimKeepsOthersOutUntilItGoes() throws {
    let (one, other) = (try journal(), try journal())
    var claim = try one.claim("00000000000000a0")
    #expect(claim != nil)
    #expect(try other.claim("00000000000000a0") == nil)
    #expect(try one.claim("00000000000000a0") == nil)
    #expect(try other.claim("00000000000000b0") != nil)
    claim = nil
    #expect(try other.claim("00000000000000a0") != nil)
    // And it is in nobody's way who notes something.
    claim = try one.claim("ffffffffffffffff")
    try other.note(ended("ab", .whole))
    withExtendedLifetime(claim) {}
  }
}

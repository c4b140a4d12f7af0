import Foundation
import HostRecipes
@testable import StreamCore
import Testing

@Suite struct BatchSourcesTests {
  private let directory: RecipeDirectory
  private var root: String { directory.path.path }

  init() throws {
    directory = try RecipeDirectory()
    for folder in ["in/b/deep", "in/a", "in/.hidden", "out"] {
      try FileManager.default.createDirectory(
        at: directory.path.appending(path: folder), withIntermediateDirectories: true)
    }
    for name in ["in/b/deep/vmcore", "in/a/x.bin", "in/a/vmcore-dmesg.txt", "in/.hidden/vmcore", "in/.vmcore", "out/y"]
    {
      _ = try directory.write([1], as: name)
    }
  }

  private func found(_ sources: [String], output: String = "out") throws -> [String] {
    try BatchSources(sources.map { root + "/" + $0 }, output: root + "/" + output).files.map {
      String($0.path.dropFirst(root.count + 1)) + ($0.isNamed ? " named" : "")
    }
  }

  @Test func aFolderIsLookedThroughToItsEnd() throws {
    #expect(try found(["in"]) == ["in/a/vmcore-dmesg.txt", "in/a/x.bin", "in/b/deep/vmcore named"])
    let names = try BatchSources([root + "/in/"], output: root).files.map(\.name)
    #expect(names == ["a/vmcore-dmesg.txt", "a/x.bin", "b/deep/vmcore"])
  }

  @Test func theOutputIsNoSource() throws {
    #expect(try found([""], output: "in") == ["out/y"])
    #expect(try found(["in"], output: "in") == [])
  }

  @Test func aFileIsADumpWhoeverNamesIt() throws {
    #expect(try found(["in/a/x.bin", "in/a/x.bin"]) == ["in/a/x.bin named"])
  }

  @Test func aPatternStandsForWhatAShellWouldPut() throws {
    #expect(try found(["in/*/x.*"]) == ["in/a/x.bin"])
    #expect(try found(["in/[b]"]) == ["in/b/deep/vmcore named"])
    #expect(try found(["in/*.none"]) == [])
  }

  @Test func whatIsNotThereIsTold() throws {
    let sources = try BatchSources([root + "/none"], output: root + "/out")
    #expect(sources.files == [])
    #expect(sources.unread.map(\.path) == [root + "/none"])
  }

  /// A link to a folder can lead round in a circle, one to a file cannot.
  @Test func linksToFilesAreFollowedThoseToFoldersAreNot() throws {
    let manager = FileManager.default
    try manager.createSymbolicLink(atPath: root + "/in/a/round", withDestinationPath: root + "/in")
    try manager.createSymbolicLink(atPath: root + "/in/a/link.kdump", withDestinationPath: root + "/out/y")
    try manager.createSymbolicLink(atPath: root + "/in/a/nowhere", withDestinationPath: root + "/none")
    #expect(
      try found(["in/a"]) == ["in/a/link.kdump named", "in/a/vmcore-dmesg.txt", "in/a/x.bin"])
  }

  @Test(
    arguments: [
      ("a\nb c\n", ["a", "b c"]), ("a\r\n\n\nb", ["a", "b"]), ("a\nb\0c\0", ["a\nb", "c"]), ("", []),
    ])
  func aListHasAPathALine(text: String, paths: [String]) {
    #expect(BatchSources.paths(ofList: Array(text.utf8)) == paths)
  }
}

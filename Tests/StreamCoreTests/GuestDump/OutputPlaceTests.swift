import Foundation
import Testing

@testable import StreamCore

/// One run at a time writes into a directory, and it removes what dead runs left there.
@Suite struct OutputPlaceTests {
  private let directory: ScratchDirectory
  init() throws { directory = try ScratchDirectory() }

  private func place(_ ways: [OutputPlace.Way] = OutputPlace.Way.allCases) throws -> OutputPlace {
    try OutputPlace(path: directory.path.path, ways: ways)
  }

  @Test func theWayIsTriedOutAndLeavesNothing() throws {
    for way in OutputPlace.Way.allCases {
      _ = try place([way])
      #expect(directory.names == [])
    }
    #expect(try place([]).way == .hidden)
    #expect(try place([.hidden]).way == .hidden)
  }

  @Test func aLockedDirectoryIsRefusedUntilItsRunEnds() throws {
    do {
      let first = try place()
      #expect(try first.lock())
      #expect(try !place().lock())
      withExtendedLifetime(first) {}
    }
    #expect(try place().lock())
  }

  /// As on file systems that lock no directories.
  @Test func aLockFileDoesTheSame() throws {
    do {
      let first = try place()
      #expect(try first.takeByFile())
      #expect(directory.names == [OutputPlace.lockName])
      #expect(try !place().takeByFile())
      withExtendedLifetime(first) {}
    }
    #expect(directory.names == [])
    // One that a killed run left.
    try Data().write(to: directory.path.appending(path: OutputPlace.lockName))
    #expect(try place().takeByFile())
  }

  @Test func whatAKilledRunLeftIsRemovedAndWhatIsBeingWrittenStays() throws {
    let others = [".vmcs-split-7-1.tmp", ".vmcs-split-8-22.tmp"]
    let users = [".vmcs-split-x-1.tmp", ".vmcs-split-7-1", ".vmcs-split-7-1.tmp~", "guest-1.kdump", "x.tmp"]
    for name in others + users { try Data([1]).write(to: directory.path.appending(path: name)) }
    let written = try OutputFile(path: directory.file("a"), ways: [.hidden])
    let hidden = try #require(written.hiddenName)
    #expect(try place().lock())
    #expect(directory.names == (users + [hidden]).sorted())
  }

  @Test func directoriesAboveAreMade() throws {
    let path = directory.file("a/b/c//d/")
    try FileSystem.makeDirectories(path, mode: 0o700)
    try FileSystem.makeDirectories(path, mode: 0o700)
    #expect(try #require(FileStatus(path)).mode == 0o700)
    try Data().write(to: directory.path.appending(path: "file"))
    #expect(throws: SystemError(call: "mkdir", path: directory.file("file/x"), code: ENOTDIR)) {
      try FileSystem.makeDirectories(directory.file("file/x"), mode: 0o700)
    }
  }
}

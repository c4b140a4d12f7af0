import Foundation
import Glibc
@testable import StreamCore
import Testing

@Suite struct OutputFileTests {
  let directory: ScratchDirectory
  init() throws { directory = try ScratchDirectory() }

  private func content(_ name: String) -> [UInt8]? {
    FileManager.default.contents(atPath: directory.file(name)).map { Array($0) }
  }

  /// Hidden names that stand in the directory while files are in the making.
  private var hidden: [String] { directory.names.filter { $0.hasPrefix(".") } }

  @Test(arguments: OutputPlace.Way.allCases)
  func theNameAppearsWithCommitAndNotBefore(way: OutputPlace.Way) throws {
    let file = try OutputFile(path: directory.file("a"), ways: [way])
    try file.write([1, 2, 3], at: 2)
    try file.write([9, 8, 7, 6], 1..<3, at: 7)
    try file.truncate(to: 11)
    #expect(directory.names == [file.hiddenName].compactMap { $0 })
    #expect((file.hiddenName == nil) == (way != .hidden))
    #expect(hidden.allSatisfy { FileStatus(directory.file($0))?.mode == 0o600 })
    #expect(try file.read(at: 3, count: 100) == [2, 3, 0, 0, 8, 7, 0, 0])
    #expect(try file.read(at: 11, count: 1) == [])
    try file.commit(force: false)
    #expect(directory.names == ["a"])
    #expect(content("a") == [0, 0, 1, 2, 3, 0, 0, 8, 7, 0, 0])
    #expect(try #require(FileStatus(directory.file("a"))).mode == 0o600)
  }

  @Test(arguments: OutputPlace.Way.allCases)
  func aTakenNameIsLeftAloneWithoutForce(way: OutputPlace.Way) throws {
    try Data([5]).write(to: directory.path.appending(path: "a"))
    let file = try OutputFile(path: directory.file("a"), ways: [way])
    try file.write([1], at: 0)
    #expect(throws: OutputError.exists(path: directory.file("a"))) { try file.commit(force: false) }
    #expect(content("a") == [5])
    #expect(hidden == [file.hiddenName].compactMap { $0 })
    file.discard()
    #expect(directory.names == ["a"])
  }

  @Test(arguments: OutputPlace.Way.allCases)
  func forceReplacesTheFile(way: OutputPlace.Way) throws {
    try Data([5]).write(to: directory.path.appending(path: "a"))
    let file = try OutputFile(path: directory.file("a"), ways: [way])
    try file.write([1], at: 0)
    try file.commit(force: true)
    #expect(content("a") == [1])
    #expect(directory.names == ["a"])
  }

  @Test(arguments: OutputPlace.Way.allCases)
  func aNameTakenByADirectoryIsNeverReplaced(way: OutputPlace.Way) throws {
    try FileManager.default.createDirectory(atPath: directory.file("a"), withIntermediateDirectories: false)
    do {
      let file = try OutputFile(path: directory.file("a"), ways: [way])
      #expect(throws: OutputError.exists(path: directory.file("a"))) { try file.commit(force: false) }
      #expect(throws: OutputError.system(SystemError(call: "rename", path: directory.file("a"), code: EISDIR))) {
        try file.commit(force: true)
      }
    }
    #expect(directory.names == ["a"])
  }

  @Test(arguments: OutputPlace.Way.allCases)
  func aForgottenFileIsRemovedAndACommittedOneStays(way: OutputPlace.Way) throws {
    do {
      _ = try OutputFile(path: directory.file("a"), ways: [way])
      let kept = try OutputFile(path: directory.file("b"), ways: [way])
      try kept.commit(force: false)
      kept.discard()
    }
    #expect(directory.names == ["b"])
  }

  @Test func leftoversOfAnotherRunAreSteppedOver() throws {
    let first = try OutputFile(path: directory.file("a"), ways: [.hidden])
    let second = try OutputFile(path: directory.file("a"), ways: [.hidden])
    #expect(first.hiddenName != second.hiddenName)
    #expect(directory.names.count == 2)
  }

  @Test func whatTheSystemRefusesIsAnErrorWithItsCode() throws {
    let path = directory.file("a")
    let file = try OutputFile(path: path)
    // No file system here holds files of 2^63 bytes.
    #expect(throws: SystemError(call: "pwrite", path: path, code: EFBIG)) { try file.write([1], at: 1 << 62) }
    #expect(throws: SystemError(call: "pwrite", path: path, code: EOVERFLOW)) { try file.write([1], at: 1 << 63) }
    #expect(throws: SystemError(call: "pwrite", path: path, code: EOVERFLOW)) {
      try file.write([1, 2], at: UInt64(Int64.max) - 1)
    }
    #expect(throws: SystemError(call: "pread", path: path, code: EOVERFLOW)) { try file.read(at: .max, count: 1) }
    #expect(throws: SystemError(call: "ftruncate", path: path, code: EFBIG)) { try file.truncate(to: 1 << 62) }
    try file.write([4], at: 0)
    #expect(try file.read(at: 0, count: 2) == [4])
  }

  /// Give VMCS_SPLIT_SMALL_FS a directory on a file system of a few hundred kilobytes.
  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["VMCS_SPLIT_SMALL_FS"] != nil),
    arguments: guestDumpFormats.map(\.name))
  func aFullDiskIsAnErrorThatNoFinishForgets(format: String) throws {
    let small = try #require(ProcessInfo.processInfo.environment["VMCS_SPLIT_SMALL_FS"]) + "/" + format
    try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
    let path = small + "/g"
    let error = SystemError(call: "pwrite", path: path, code: ENOSPC)
    do {
      let guest = SampleGuest(known: [0..<4000], codec: .raw)
      let writer = try #require(guestDumpFormats.first { $0.name == format }).open(guest.image, path)
      #expect(throws: error) { try writer.append(guest.batch) }
      #expect(throws: GuestDumpError.system(error)) { try writer.finish(force: false) }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: small) == [])
  }
}

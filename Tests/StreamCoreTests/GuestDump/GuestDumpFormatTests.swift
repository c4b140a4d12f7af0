@testable import StreamCore
import Testing

@Suite struct GuestDumpFormatTests {
  @Test func formatsAreKnownByTheirNames() {
    #expect(guestDumpFormats.map(\.name) == ["kdump", "elf"])
    #expect(guestDumpFormats.map(\.fileExtension) == ["kdump", "elf"])
    #expect(guestDumpFormats.map(\.codecs) == [PageCodec.allCases, [.raw]])
  }

  @Test(arguments: guestDumpFormats.map(\.name))
  func anExistingOutputIsReplacedOnlyByForce(name: String) throws {
    let format = try #require(guestDumpFormats.first { $0.name == name })
    let directory = try ScratchDirectory()
    let path = directory.file("g")
    let guest = SampleGuest(codec: .raw)
    func finish(force: Bool) throws -> OutputSummary {
      let before = directory.names
      let writer = try format.open(guest.image, path)
      try writer.append(guest.batch)
      #expect(directory.names == before)
      return try writer.finish(force: force)
    }
    let first = try finish(force: false)
    #expect(try #require(FileStatus(path)).mode == 0o600)
    #expect(throws: OutputError.exists(path: path)) { try finish(force: false) }
    #expect(directory.names == ["g"])
    #expect(try finish(force: true) == first)
    #expect(directory.names == ["g"])
  }

  @Test(arguments: guestDumpFormats.map(\.name))
  func aWholeDumpHasNoNameBeforeItIsCommitted(name: String) throws {
    let format = try #require(guestDumpFormats.first { $0.name == name })
    let directory = try ScratchDirectory()
    let guest = SampleGuest(codec: .raw)
    for commits in [false, true] {
      let writer = try format.open(guest.image, directory.file("g"))
      try writer.append(guest.batch)
      let dump = try writer.complete()
      #expect(directory.names == [])
      if commits { try dump.commit(force: false) }
    }
    #expect(directory.names == ["g"])
  }

  @Test(arguments: guestDumpFormats.map(\.name))
  func aWriterThatIsGivenUpLeavesNothing(name: String) throws {
    let format = try #require(guestDumpFormats.first { $0.name == name })
    let directory = try ScratchDirectory()
    do {
      let guest = SampleGuest(codec: .raw)
      let writer = try format.open(guest.image, directory.file("g"))
      try writer.append(guest.batch)
      #expect(directory.names.isEmpty)
    }
    #expect(directory.names.isEmpty)
  }

  @Test(arguments: guestDumpFormats.map(\.name))
  func aDirectoryThatIsNotThereIsASystemError(name: String) throws {
    let format = try #require(guestDumpFormats.first { $0.name == name })
    let directory = try ScratchDirectory()
    let error = SystemError(call: "open", path: directory.file("none"), code: 2)
    #expect(throws: error) { try format.open(SampleGuest(codec: .raw).image, directory.file("none/g")) }
  }
}

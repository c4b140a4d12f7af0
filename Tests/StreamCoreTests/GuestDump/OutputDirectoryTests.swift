import Foundation
import Testing

@testable import StreamCore

/// Outputs get their names together: all of them, or none when the run was told to stop before the first.
@Suite struct OutputDirectoryTests {
  private static let count = 40
  private let scratch: ScratchDirectory
  private func output() throws -> OutputDirectory { try OutputDirectory(path: scratch.path.path, force: false) }
  private let manifest = Manifest(
    tool: .init(name: "a", version: "b"),
    input: .init(files: [], format: "elf", codecs: ["raw"], frames: 1, storedPages: 1))

  init() throws { scratch = try ScratchDirectory() }

  private func dumps(in output: OutputDirectory) throws -> [CompletedDump] {
    try (0..<Self.count).map { number in
      let guest = SampleGuest(codec: .raw)
      let writer = try guestDumpFormats[0].open(guest.image, "g\(number)", output.place, 1 << 20)
      try writer.append(guest.batch)
      return try writer.complete()
    }
  }

  private var named: [String] { scratch.names.filter { !$0.hasPrefix(".") } }

  /// Nothing is made to find out, and what cannot be written to is told by its path.
  @Test func aDirectoryIsProbedBeforeAnyWork() throws {
    let path = scratch.path.path
    for name in [path, path + "/a", path + "/a/b/c/"] { try OutputDirectory.probe(name) }
    #expect(scratch.names == [])
    let file = path + "/file"
    try Data([1]).write(to: URL(fileURLWithPath: file))
    for name in [file, file + "/a", "/proc/self/a", "/proc/self/a/b"] {
      #expect(throws: OutputError.self, "\(name)") { try OutputDirectory.probe(name) }
    }
    #expect(scratch.names == ["file"])
  }

  @Test(arguments: [1, 3])
  func aWishToStopBeforeTheFirstNameLeavesNone(threads: Int) throws {
    let workers = Workers(count: threads)
    do {
      let output = try output()
      let dumps = try dumps(in: output)
      workers.cancellation.cancel()
      #expect(throws: Cancelled()) { try output.commit(dumps, manifest, workers) }
      #expect(named == [])
    }
    #expect(scratch.names == [])
  }

  /// Who stops the run when the first name is there gets all of them.
  @Test(arguments: [1, 3])
  func aWishToStopAfterTheFirstNameComesTooLate(threads: Int) throws {
    let workers = Workers(count: threads)
    let output = try output()
    let dumps = try dumps(in: output)
    let done = Cancellation()
    let watcher = Thread {
      while !done.isCancelled {
        if !named.isEmpty { workers.cancellation.cancel() }
      }
    }
    watcher.start()
    defer { done.cancel() }
    try output.commit(dumps, manifest, workers)
    #expect(named.count == Self.count + 1)
  }

  /// What cannot be made is known before any other has a name.
  @Test(arguments: [1, 3])
  func aManifestThatCannotBeMadeLeavesNoName(threads: Int) throws {
    let path = scratch.file("gone")
    let output = try OutputDirectory(path: path, force: false)
    let dumps = try dumps(in: output)
    try FileManager.default.removeItem(atPath: path)
    let error = try #require(throws: SystemError.self) {
      try output.commit(dumps, manifest, Workers(count: threads))
    }
    // Which errno that is, file systems do not agree on.
    #expect(error == SystemError(call: "open", path: path + "/manifest.json", code: error.code))
    #expect(scratch.names == [])
  }

  @Test(arguments: ["", "{}", "{\"schema\": \"vmcs-split-manifest-1\"}", "[", "\u{0}"])
  func whatIsNoManifestOfThisInputIsReplacedOnlyByForce(text: String) throws {
    let path = scratch.file("manifest.json")
    try Data(text.utf8).write(to: URL(filePath: path))
    do {
      let output = try output()
      #expect(throws: OutputError.otherInput(path: path)) { try output.refuse(["a"], manifest, input: []) }
    }
    let output = try OutputDirectory(path: scratch.path.path, force: true)
    let before = try output.refuse(["a"], manifest, input: [])
    #expect(!before.isContinued)
    try output.commit([], manifest, after: before, Workers(count: 1))
    #expect(try Data(contentsOf: URL(filePath: path)) == Data(try manifest.json()))
  }

  /// A manifest of the same input is gone on with: what it said and this run does not say stays, once.
  @Test func whatOnlyTheEarlierRunSaidStays() throws {
    let (first, second) = (
      Manifest.Warning(code: .input, text: "a \u{1b}[2J odd"), Manifest.Warning(code: .no_identity, text: "b")
    )
    var earlier = manifest
    earlier.warnings = [first, second]
    try Data(earlier.json()).write(to: URL(filePath: scratch.file("manifest.json")))
    var now = manifest
    now.warnings = [first]
    let output = try output()
    let before = try output.refuse(["a"], now, input: [])
    #expect(before.isContinued)
    try output.commit([], now, after: before, Workers(count: 1))
    #expect(try Data(contentsOf: URL(filePath: scratch.file("manifest.json"))) == Data(earlier.json()))
  }

  /// Files that are replaced are held until the names are given, and no longer.
  @Test(arguments: [1, 3])
  func replacedFilesAreFreedAtTheEnd(threads: Int) throws {
    let names = (0..<3).map { "g\($0)" }
    for name in names { try Data([1]).write(to: URL(filePath: scratch.file(name))) }
    let output = try OutputDirectory(path: scratch.path.path, force: true)
    let held = HeldFiles(names + ["none"], in: output.place)
    for name in names { output.place.remove(name) }
    #expect(deletedFilesHeld.sorted() == names)
    held.letGo(Workers(count: threads))
    #expect(deletedFilesHeld == [])
  }

  /// Names that files of the directory had which this process keeps open.
  private var deletedFilesHeld: [String] {
    let end = " (deleted)"
    return ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []).compactMap { number in
      guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)"),
        path.hasPrefix(scratch.path.path), path.hasSuffix(end)
      else { return nil }
      return String(path.dropLast(end.count).split(separator: "/").last ?? "")
    }
  }

  @Test(arguments: [false, true])
  func anOutputThatIsTheInputIsRefusedWhateverItIsCalled(force: Bool) throws {
    let input = scratch.file("input")
    try Data([1]).write(to: URL(filePath: input))
    try FileManager.default.createSymbolicLink(atPath: scratch.file("link"), withDestinationPath: input)
    try FileManager.default.linkItem(atPath: input, toPath: scratch.file("hard"))
    let output = try OutputDirectory(path: scratch.path.path, force: force)
    let source = ByteSource(try InputFile(path: input))
    for name in ["input", "link", "hard"] {
      #expect(throws: OutputError.isInput(path: scratch.file(name))) {
        try output.refuse([name], manifest, input: source.identities)
      }
    }
    _ = try output.refuse(["other"], manifest, input: source.identities)
  }

  @Test func aLinkThatLeadsNowhereIsATakenName() throws {
    try FileManager.default.createSymbolicLink(atPath: scratch.file("link"), withDestinationPath: scratch.file("none"))
    let output = try output()
    #expect(throws: OutputError.exists(path: scratch.file("link"))) { try output.refuse(["link"], manifest, input: []) }
  }

  @Test func aSecondRunIntoTheDirectoryIsRefused() throws {
    let first = try output()
    #expect(throws: OutputError.inUse(path: scratch.path.path)) { try output() }
    withExtendedLifetime(first) {}
  }
}

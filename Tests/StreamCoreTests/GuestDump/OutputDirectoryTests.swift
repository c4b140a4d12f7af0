import Foundation
import Testing

@testable import StreamCore

/// Outputs get their names together: all of them, or none when the run was told to stop before the first.
@Suite struct OutputDirectoryTests {
  private static let count = 40
  private let scratch: ScratchDirectory
  private var output: OutputDirectory { OutputDirectory(path: scratch.path.path, force: false) }
  private let manifest = Manifest(
    tool: .init(name: "a", version: "b"),
    input: .init(files: [], format: "elf", codecs: ["raw"], frames: 1, storedPages: 1))

  init() throws { scratch = try ScratchDirectory() }

  private func dumps() throws -> [CompletedDump] {
    try (0..<Self.count).map { number in
      let guest = SampleGuest(codec: .raw)
      let writer = try guestDumpFormats[0].open(guest.image, output.path(of: "g\(number)"))
      try writer.append(guest.batch)
      return try writer.complete()
    }
  }

  private var named: [String] { scratch.names.filter { !$0.hasPrefix(".") } }

  @Test(arguments: [1, 3])
  func aWishToStopBeforeTheFirstNameLeavesNone(threads: Int) throws {
    let workers = Workers(count: threads)
    do {
      let dumps = try dumps()
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
    let dumps = try dumps()
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
    let dumps = try dumps()
    let missing = OutputDirectory(path: scratch.file("none"), force: false)
    #expect(throws: SystemError(call: "open", path: missing.path(of: "manifest.json"), code: ENOENT)) {
      try missing.commit(dumps, manifest, Workers(count: threads))
    }
    #expect(named == [])
  }
}

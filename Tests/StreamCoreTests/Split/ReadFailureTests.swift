import Foundation
import HostRecipes
import Synchronization
import Testing

@testable import StreamCore

/// A read that fails ends the run, wherever it was: with 74, in words, and without an output. No page that could not be
/// read is taken for a damaged or an absent one, and no failed look for missing evidence.
@Suite struct ReadFailureTests {
  /// Fails one read of all, by its number; counts them all.
  private final class FailingRead: ReadFaults {
    private let count = Atomic<Int>(0)
    private let fails: Int

    init(at read: Int) { fails = read }

    var reads: Int { count.load(ordering: .relaxed) }

    func next() -> Int32? { count.wrappingAdd(1, ordering: .relaxed).oldValue == fails ? EIO : nil }
  }

  private static let recipe = """
    host ram 64M
    guest a ram 0-4M backing 4K nolinux
      vcpu halted
      vcpu never-run
    """

  /// The whole way on a file that is not mapped, so that every look at it is a read.
  private func split(_ path: String, _ faults: FailingRead, to output: String, isPlain: Bool) throws -> Manifest {
    let workers = Workers(count: 1)
    var options = Inspection.Options(.split, workers: workers)
    options.isPlain = isPlain
    let source = ByteSource(try InputFile(path: path, mapped: false, faults: faults))
    let inspection = try Failure.from { try Inspection.run(source, options) }
    let split = Split(inspection: inspection, directory: output, format: guestDumpFormats[0], codec: .zlib)
    return try split.run(workers, .none)
  }

  @Test(arguments: [("kdump", false), ("kdump", true), ("elf", false)])
  func eachReadInTurn(format: String, isPlain: Bool) throws {
    let directory = try RecipeDirectory()
    let host = try HostRecipe(Self.recipe).build()
    let path = try directory.write(format == "elf" ? host.elf() : host.kdump(.lzo), as: "host")
    let whole = FailingRead(at: .max)
    let manifest = try split(path, whole, to: directory.path.appending(path: "whole").path, isPlain: isPlain)
    #expect(manifest.exitStatus == .complete)
    #expect(whole.reads > 100)
    // All of the first and of the last, where most is decided; between them some of every kind.
    let steps = max(1, whole.reads / 150)
    let numbers = (0..<whole.reads).filter { $0 < 60 || $0 >= whole.reads - 60 || $0 % steps == 0 }
    for number in numbers {
      let output = directory.path.appending(path: "out-\(number)")
      let error = #expect(throws: (any Error).self, "read \(number)") {
        try split(path, FailingRead(at: number), to: output.path, isPlain: isPlain)
      }
      let failure = try #require(error.flatMap { Failure($0) }, "read \(number): \(String(describing: error))")
      #expect(failure == .io(SystemError(call: "pread", path: path, code: EIO)), "read \(number)")
      #expect(failure.exitStatus(signal: 0).code == 74)
      let names = try? FileManager.default.contentsOfDirectory(atPath: output.path)
      #expect(names ?? [] == [], "read \(number)")
    }
  }

  /// What the progress bar is told of is what the file is cut at.
  @Test(arguments: [ProgressStage.scan, .map, .extract])
  func aMappedFileIsCutUnderAStage(stage: ProgressStage) throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(try HostRecipe(Self.recipe).build().kdump(.lzo), as: "host")
    let output = directory.path.appending(path: "out")
    let cuts = Progress { now, done, _ in if now == stage, done == 0 { _ = unsafe truncate(path, 40_000) } }
    let error = #expect(throws: Failure.self) {
      let workers = Workers(count: 2)
      let inspection = try Inspection.run(path: path, .init(.split, workers: workers, progress: cuts))
      let split = Split(inspection: inspection, directory: output.path, format: guestDumpFormats[0], codec: nil)
      _ = try split.run(workers, cuts)
    }
    #expect(error == .io(SystemError(call: "read", path: path, code: EIO)))
    #expect((try? FileManager.default.contentsOfDirectory(atPath: output.path)) ?? [] == [])
  }

  @Test(arguments: [ProgressStage.scan, .map, .extract])
  func aWishToStopEndsAnyStage(stage: ProgressStage) throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(try HostRecipe(Self.recipe).build().kdump(.lzo), as: "host")
    let output = directory.path.appending(path: "out")
    let cancellation = Cancellation()
    let stops = Progress { now, _, _ in if now == stage { cancellation.cancel() } }
    let error = #expect(throws: Failure.self) {
      let workers = Workers(count: 2, cancellation: cancellation)
      let inspection = try Inspection.run(path: path, .init(.split, workers: workers, progress: stops))
      let split = Split(inspection: inspection, directory: output.path, format: guestDumpFormats[0], codec: nil)
      _ = try split.run(workers, stops)
    }
    #expect(error == .cancelled)
    #expect(error?.exitStatus(signal: SIGINT).code == 130)
    #expect(error?.exitStatus(signal: SIGTERM).code == 143)
    #expect((try? FileManager.default.contentsOfDirectory(atPath: output.path)) ?? [] == [])
  }
}

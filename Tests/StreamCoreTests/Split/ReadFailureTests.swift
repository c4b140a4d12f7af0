import Foundation
import HostRecipes
import Testing

@testable import StreamCore

/// A read that fails ends the run, wherever it was: with 74, in words, and without an output. No page that could not be
/// read is taken for a damaged or an absent one, and no failed look for missing evidence.
@Suite struct ReadFailureTests {
  private static let recipe = ReadWay.small

  private func names(in directory: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
  }

  /// Reads of a run in which none fails, and expects that it ends as it should.
  private func reads(_ way: ReadWay, _ path: String, _ directory: RecipeDirectory) throws -> Int {
    let whole = FailingRead(at: .max)
    let status: Status
    do {
      status = try way.run(path, whole, to: directory.path.appending(path: "whole").path)
    } catch let failure as Failure {
      status = failure.exitStatus(signal: 0)
    }
    #expect(status == way.status)
    return whole.reads
  }

  private func expectFailure(ofRead number: Int, _ way: ReadWay, _ path: String, _ directory: RecipeDirectory) throws {
    let output = directory.path.appending(path: "out-\(number)").path
    let error = #expect(throws: (any Error).self, "read \(number)") {
      try way.run(path, FailingRead(at: number), to: output)
    }
    let failure = try #require(error.flatMap { Failure($0) }, "read \(number): \(String(describing: error))")
    #expect(failure == .io(SystemError(call: "pread", path: path, code: EIO)), "read \(number)")
    #expect(failure.exitStatus(signal: 0).code == 74)
    #expect(names(in: output) == [], "read \(number)")
  }

  @Test(arguments: ReadWay.all)
  func readsOfEveryWayInTurn(way: ReadWay) throws {
    let directory = try RecipeDirectory()
    let path = try way.write(to: directory)
    let count = try reads(way, path, directory)
    // All of the first and of the last, where most is decided; between them some of every kind.
    let ends = way.samples / 4
    let steps = max(1, 2 * count / way.samples)
    let numbers = (0..<count).filter { $0 < ends || $0 >= count - ends || $0 % steps == 0 }
    for number in numbers { try expectFailure(ofRead: number, way, path, directory) }
  }

  /// Some of its pages are left out of the dump, so that the first bitmap is asked for them.
  @Test func everyReadOfASmallHost() throws {
    let way = ReadWay(
      testDescription: "small", recipe: "host ram 16M\nguest a ram 0-2M nolinux\n  filter 64K-640K 1M-2M",
      status: .incomplete)
    let directory = try RecipeDirectory()
    let path = try way.write(to: directory)
    let count = try reads(way, path, directory)
    #expect((200..<500).contains(count))
    for number in 0..<count { try expectFailure(ofRead: number, way, path, directory) }
  }

  /// What the progress bar is told of is what the file is cut at.
  @Test(arguments: [ProgressStage.scan, .map, .extract], [true, false])
  func aFileIsCutUnderAStage(stage: ProgressStage, isMapped: Bool) throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(try HostRecipe(Self.recipe).build().kdump(.lzo), as: "host")
    let output = directory.path.appending(path: "out")
    let cuts = Progress { now, done, _ in if now == stage, done == 0 { _ = unsafe truncate(path, 40_000) } }
    let error = #expect(throws: Failure.self) {
      let workers = Workers(count: 2)
      let source = ByteSource(try InputFile(path: path, mapped: isMapped))
      let inspection = try Failure.from {
        try Inspection.run(source, .init(.split, workers: workers, progress: cuts))
      }
      let split = Split(inspection: inspection, directory: output.path, format: guestDumpFormats[0], codec: nil)
      _ = try split.run(workers, cuts)
    }
    #expect(error == .io(SystemError(call: "read", path: path, code: EIO)))
    #expect(names(in: output.path) == [])
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
    #expect(names(in: output.path) == [])
  }
}

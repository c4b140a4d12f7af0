import Dispatch
import Foundation
import Synchronization
import Testing

@testable import StreamCore

/// 10,000 random damages to three small dumps (Documentation/design.md §8.3): every run ends in a manifest or in a
/// failure that says why, and no page comes out as another one or as zeros.
///
/// VMCS_SPLIT_SEED gives another seed, VMCS_SPLIT_MUTATIONS a range of indexes ("17-18"): each index is a damage of its
/// own, so that one can be looked at alone.
@Suite struct MutationTests {
  private static let environment = ProcessInfo.processInfo.environment

  @Test func everyDamageEndsInAnAnswerAndNoPageBecomesAnother() throws {
    let seed = Self.environment["VMCS_SPLIT_SEED"].flatMap { UInt64($0) } ?? 1
    let bounds = (Self.environment["VMCS_SPLIT_MUTATIONS"] ?? "0-10000").split(separator: "-").compactMap { Int($0) }
    let indexes = try #require(bounds.count == 2 && bounds[0] < bounds[1] ? bounds[0]..<bounds[1] : nil)
    print("mutations \(indexes), seed \(seed)")

    let two = """
      host ram 32M cpus 1 seed 11
      guest a ram 0-1M+128K backing 4K nolinux
        untouched 0-960K
      guest b ram 0-1M+64K backing 4K shuffled nolinux
        untouched 0-960K
      """
    let one = "host ram 32M cpus 1 seed 12\nguest a ram 0-1M+192K backing 4K nolinux\n  untouched 0-768K"
    let subjects = [
      try MutationSubject(kdump: "LZO", .lzo, two), try MutationSubject(kdump: "mixed", .mixed, one),
      try MutationSubject(elf: "ELF", one),
    ]
    let tally = Mutex(Tally())
    let next = Atomic<Int>(indexes.lowerBound)
    let workers = max(2, ProcessInfo.processInfo.activeProcessorCount)
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      do {
        let directory = try MutationDirectory(worker)
        while case let index = next.wrappingAdd(1, ordering: .relaxed).oldValue, index < indexes.upperBound {
          let subject = subjects[index % subjects.count]
          let outcome = try subject.run(seed: seed, index: index, in: directory.path)
          tally.withLock { $0.add(outcome, subject.name, index) }
        }
      } catch {
        tally.withLock { $0.faults.append("worker \(worker): \(error)") }
      }
    }
    let result = tally.withLock { $0 }
    print(result.text)
    #expect(result.faults.sorted() == [])
    #expect(result.runs == indexes.count)
    if indexes.count >= 1000 {
      // The damages reach everything: refusals, bad pages and whole outputs.
      #expect(result.endings["manifest", default: 0] > indexes.count / 4)
      #expect(result.endings["input", default: 0] > indexes.count / 100)
      #expect(result.badPages > 0 && result.pages > 0)
    }
  }

  private struct Tally {
    var runs = 0
    var endings: [String: Int] = [:]
    var pages = 0
    var badPages: UInt64 = 0
    var excused = 0
    var altered = 0
    var faults: [String] = []

    mutating func add(_ outcome: MutationSubject.Outcome, _ name: String, _ index: Int) {
      runs += 1
      endings[outcome.ending, default: 0] += 1
      pages += outcome.pages
      badPages += outcome.badPages
      excused += outcome.excused
      altered += outcome.altered ? 1 : 0
      if let fault = outcome.fault { faults.append("\(index) \(name): \(fault)") }
    }

    var text: String {
      let endings = endings.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      return
        "\(runs) runs: \(endings); \(pages) pages out, \(badPages) bad, \(excused) as their own damaged bytes have them, "
        + "\(altered) runs with an altered host"
    }
  }
}

/// A directory for one worker, in memory where the system has a place for that.
private final class MutationDirectory {
  let path: URL

  init(_ worker: Int) throws {
    let memory = URL(fileURLWithPath: "/dev/shm")
    let root =
      FileManager.default.isWritableFile(atPath: memory.path) ? memory : FileManager.default.temporaryDirectory
    path = root.appending(path: "mutations-\(UUID().uuidString)-\(worker)")
    try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: path) }
}

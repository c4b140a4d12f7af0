import Foundation
@testable import StreamCore
import Synchronization
import Testing

@Suite struct PipelineTests {
  private struct Broken: Error, Equatable { var item: Int }

  @Test func everyWorkerHasWorkAndEveryItemIsDoneOnce() throws {
    for (items, workers) in [(0, 4), (1, 4), (3, 8), (1000, 8), (1000, 1)] {
      let seen = Mutex<(items: [Int], workers: Set<Int>)>(([], []))
      let used = try Workers(count: workers).forEach(items) { worker, item in
        seen.withLock {
          $0.items.append(item)
          $0.workers.insert(worker)
        }
      }
      #expect(seen.withLock { $0.items.sorted() } == Array(0..<items))
      #expect(used == min(items, workers))
      #expect(seen.withLock { $0.workers.count } == used)
    }
  }

  @Test(arguments: [1, 4], [0, 1, 8])
  func workThatCannotFailIsDoneForAllItemsHoweverFewThreadsThereAre(workers: Int, threads: Int) {
    let crew = Workers(count: workers, threads: .atMost(threads))
    for count in [-1, 0, 1, 3, 300] {
      #expect(crew.mapAll(count) { $0 * $0 } == (0..<max(0, count)).map { $0 * $0 })
    }
  }

  @Test(arguments: [1, 4])
  func resultsStandInTheOrderOfTheirElements(workers: Int) throws {
    let results = try Workers(count: workers).map(Array(0..<300)) { number in
      usleep(UInt32.random(in: 0..<50))
      return number * number
    }
    #expect(results == (0..<300).map { $0 * $0 })
    #expect(throws: Broken(item: 7)) {
      try Workers(count: workers).map([7]) { number -> Int in throw Broken(item: number) }
    }
  }

  @Test func anErrorEndsTheWorkersAndIsThrown() {
    let done = Atomic<Int>(0)
    #expect(throws: Broken(item: 10)) {
      try Workers(count: 4).forEach(100_000) { _, item in
        if item == 10 { throw Broken(item: item) }
        done.wrappingAdd(1, ordering: .relaxed)
      }
    }
    #expect(done.load(ordering: .relaxed) < 100_000)
  }

  @Test(arguments: [1, 4])
  func aCancelledRunThrows(count: Int) {
    let workers = Workers(count: count)
    workers.cancellation.cancel()
    #expect(throws: Cancelled.self) { try workers.forEach(10) { _, _ in } }
  }

  @Test(arguments: [1, 4])
  func itemsAreOrderedHoweverLongTheyTake(workers: Int) throws {
    let seen = Mutex<(ordered: [Int], finished: Set<Int>)>(([], []))
    let stage = OrderedStage<Int, Int>(
      workers: workers, inFlight: 8, cancellation: Cancellation(),
      work: { _, item in
        usleep(UInt32.random(in: 0..<300))
        return item
      },
      order: { item in
        seen.withLock { $0.ordered.append(item) }
        return item
      }, finish: { item in _ = seen.withLock { $0.finished.insert(item) } })
    try stage.run(500)
    #expect(seen.withLock { $0.ordered } == Array(0..<500))
    #expect(seen.withLock { $0.finished } == Set(0..<500))
  }

  @Test(arguments: [1, 4])
  func anErrorOfWorkComesAfterAllItemsBeforeItAreOrdered(workers: Int) {
    let seen = Mutex<[Int]>([])
    let stage = OrderedStage<Int, Void>(
      workers: workers, inFlight: 8, cancellation: Cancellation(),
      work: { _, item in if item == 100 { throw Broken(item: item) } else { item } },
      order: { item in seen.withLock { $0.append(item) } }, finish: { _ in })
    #expect(throws: Broken(item: 100)) { try stage.run(1000) }
    #expect(seen.withLock { $0 } == Array(0..<100))
  }

  @Test(arguments: [1, 4])
  func errorsOfTheOtherPhasesEndTheRunToo(workers: Int) {
    for failsToOrder in [true, false] {
      let finished = Atomic<Int>(0)
      let stage = OrderedStage<Int, Int>(
        workers: workers, inFlight: 8, cancellation: Cancellation(), work: { _, item in item },
        order: { item in if failsToOrder && item == 50 { throw Broken(item: item) } else { item } },
        finish: { item in
          if !failsToOrder && item == 50 { throw Broken(item: item) }
          finished.wrappingAdd(1, ordering: .relaxed)
        })
      #expect(throws: Broken(item: 50)) { try stage.run(1000) }
      #expect(finished.load(ordering: .relaxed) < 100)
    }
  }

  @Test func aSlowFinishHoldsBackTheWorkers() throws {
    let flying = Mutex<(now: Int, most: Int)>((0, 0))
    let stage = OrderedStage<Int, Int>(
      workers: 4, inFlight: 6, cancellation: Cancellation(),
      work: { _, item in
        flying.withLock {
          $0.now += 1
          $0.most = max($0.most, $0.now)
        }
        return item
      }, order: { $0 },
      finish: { _ in
        usleep(200)
        flying.withLock { $0.now -= 1 }
      })
    try stage.run(200)
    #expect(flying.withLock { $0.most } <= 6)
    #expect(flying.withLock { $0.now } == 0)
  }

  @Test func aCancelledStageThrows() {
    let cancellation = Cancellation()
    let stage = OrderedStage<Int, Int>(
      workers: 3, inFlight: 6, cancellation: cancellation,
      work: { _, item in
        if item == 20 { cancellation.cancel() }
        return item
      }, order: { $0 }, finish: { _ in })
    #expect(throws: Cancelled.self) { try stage.run(1_000_000) }
  }

  @Test func noTwoItemsShareAWorkerAtATime() throws {
    let busy = Mutex<Set<Int>>([])
    let clashes = Atomic<Int>(0)
    let stage = OrderedStage<Int, Int>(
      workers: 3, inFlight: 9, cancellation: Cancellation(),
      work: { worker, item in
        if !busy.withLock({ $0.insert(worker).inserted }) { clashes.wrappingAdd(1, ordering: .relaxed) }
        usleep(50)
        _ = busy.withLock { $0.remove(worker) }
        return item
      }, order: { $0 }, finish: { _ in })
    try stage.run(300)
    #expect(clashes.load(ordering: .relaxed) == 0)
  }

  /// Where no thread can be had, or only some, everything is done all the same.
  @Test(arguments: [0, 1, 2])
  func theCallerDoesWhatThreadsAreMissingFor(threads: Int) throws {
    for (items, workers) in [(1, 4), (3, 8), (1000, 8)] {
      let seen = Mutex<(items: [Int], workers: Set<Int>)>(([], []))
      let used = try Workers(count: workers, threads: .atMost(threads)).forEach(items) { worker, item in
        seen.withLock {
          $0.items.append(item)
          $0.workers.insert(worker)
        }
      }
      #expect(seen.withLock { $0.items.sorted() } == Array(0..<items))
      #expect(used == min(items, workers, threads + 1))
    }
    let finished = Mutex<[Int]>([])
    let stage = OrderedStage<Int, Int>(
      workers: 4, inFlight: 8, cancellation: Cancellation(), threads: .atMost(threads), work: { $1 }, order: { $0 },
      finish: { item in finished.withLock { $0.append(item) } })
    try stage.run(300)
    #expect(finished.withLock { $0.sorted() } == Array(0..<300))
  }

  @Test func anErrorOfAnItemThatGotNoThreadIsThrown() {
    #expect(throws: Broken(item: 5)) {
      try Workers(count: 8, threads: .atMost(0)).forEach(8) { _, item in if item == 5 { throw Broken(item: item) } }
    }
  }

  @Test func aThreadRunsItsBodyOnceAndIsJoined() throws {
    let count = Atomic<Int>(0)
    for _ in 0..<50 {
      let thread = try #require(SystemThread { count.wrappingAdd(1, ordering: .relaxed) })
      thread.join()
    }
    #expect(count.load(ordering: .relaxed) == 50)
  }
}

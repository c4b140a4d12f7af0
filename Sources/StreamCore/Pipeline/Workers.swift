import Synchronization

/// Runs a body over the numbers 0..<count on several workers. Worker i begins with item i and then takes whatever is
/// next, so that every worker has work whenever there is enough, however the threads are scheduled.
public struct Workers: Sendable {
  /// At most this many workers; fewer where the system has fewer threads to give, down to the caller alone.
  let count: Int
  let cancellation: Cancellation
  let threads: Threads

  /// The caller alone.
  static let alone = Workers(count: 1)

  public init(count: Int, cancellation: Cancellation = Cancellation()) {
    self.init(count: count, cancellation: cancellation, threads: .system)
  }

  /// - Parameter threads: tests give fewer.
  init(count: Int, cancellation: Cancellation = Cancellation(), threads: Threads) {
    self.count = max(1, count)
    self.cancellation = cancellation
    self.threads = threads
  }

  /// Calls `body(worker, item)` once for each item; workers run side by side, items of one worker one after the other.
  /// The first error, by item, ends the run and is thrown.
  /// - Returns: how many workers had work.
  @discardableResult
  func forEach(
    _ items: Int, _ body: @escaping @Sendable (_ worker: Int, _ item: Int) throws -> Void
  ) throws -> Int {
    let used = min(count, items)
    guard used > 1 else {
      for item in 0..<max(0, items) {
        if cancellation.isCancelled { throw Cancelled() }
        try body(0, item)
      }
      return used
    }
    let run = Run(first: used)
    let serve = { @Sendable (worker: Int) in
      var item = worker
      while item < items, !run.hasFailed {
        do {
          if cancellation.isCancelled { throw Cancelled() }
          try body(worker, item)
        } catch {
          run.fail(item, error)
        }
        item = run.takeNext()
      }
    }
    let running = threads.run(used, serve)
    // The first items of workers that got no thread.
    for worker in running..<used where !run.hasFailed { serve(worker) }
    if let error = run.error { throw error }
    return running
  }

  /// What `body` makes of each element, in their order.
  func map<Element: Sendable, Result: Sendable>(
    _ elements: [Element], _ body: @escaping @Sendable (Element) throws -> Result
  ) throws -> [Result] {
    let results = Mutex<[Result?]>(Array(repeating: nil, count: elements.count))
    try forEach(elements.count) { _, index in
      let result = try body(elements[index])
      results.withLock { $0[index] = result }
    }
    return results.withLock { $0.compactMap { $0 } }
  }

  /// What `body` makes of each of so many items, in their order; for work of some milliseconds, which cannot fail and is
  /// not cancelled.
  func mapAll<Result: Sendable>(_ items: Int, _ body: @escaping @Sendable (Int) -> Result) -> [Result] {
    (try? Workers(count: count, threads: threads).map(Array(0..<max(0, items)), body)) ?? []
  }

  /// What two bodies make, side by side where there are two workers; each as for `mapAll`.
  func both<First: Sendable, Second: Sendable>(
    _ first: @escaping @Sendable () -> First, _ second: @escaping @Sendable () -> Second
  ) -> (First, Second) {
    guard count > 1 else { return (first(), second()) }
    let made = mapAll(2) { item -> (First?, Second?) in item == 0 ? (first(), nil) : (nil, second()) }
    guard let one = made.first?.0, let other = made.last?.1 else { return (first(), second()) }
    return (one, other)
  }
}

/// What the workers of one run share.
private final class Run: Sendable {
  private let next: Atomic<Int>
  private let failure = Mutex<(item: Int, error: any Error)?>(nil)
  private let failed = Atomic<Bool>(false)

  init(first: Int) { next = Atomic(first) }

  var hasFailed: Bool { failed.load(ordering: .relaxed) }
  var error: (any Error)? { failure.withLock { $0?.error } }

  func takeNext() -> Int { next.wrappingAdd(1, ordering: .relaxed).oldValue }

  func fail(_ item: Int, _ error: any Error) {
    failure.withLock { if $0.map({ item < $0.item }) ?? true { $0 = (item, error) } }
    failed.store(true, ordering: .relaxed)
  }
}

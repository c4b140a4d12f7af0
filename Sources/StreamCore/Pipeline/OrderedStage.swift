import Dispatch
import Synchronization

/// Runs items through three phases: `work` on several workers at once, `order` for one item at a time in the order of
/// the items, `finish` on several workers again. The workers share out all three, so that one worker is one thread. At
/// most `inFlight` items are between the start of `work` and the end of `finish`, so that a slow disk stops the readers
/// rather than filling memory; a worker without work sleeps.
final class OrderedStage<Output: Sendable, Job: Sendable>: Sendable {
  private enum Task {
    case work(Int)
    case order(Result<Output, any Error>)
    case finish(Job)
    case sleep
    case stop
  }

  private struct State {
    let items: Int
    var slots: [Result<Output, any Error>?]
    /// The next item to be worked on, and the next to be ordered.
    var nextWork = 0
    var nextOrder = 0
    var isOrdering = false
    var jobs: [Job] = []
    var finished = 0
    var failure: (any Error)?
    var sleepers: [Int] = []

    /// What is furthest along comes first: it frees the most.
    mutating func next(_ isCancelled: Bool) -> Task {
      if failure != nil || isCancelled || finished == items { return .stop }
      if !jobs.isEmpty { return .finish(jobs.removeFirst()) }
      if !isOrdering, let result = slots[nextOrder % slots.count] {
        slots[nextOrder % slots.count] = nil
        isOrdering = true
        return .order(result)
      }
      if nextWork < items && nextWork - finished < slots.count {
        nextWork += 1
        return .work(nextWork - 1)
      }
      return .sleep
    }
  }

  private let workerCount: Int
  private let inFlight: Int
  private let cancellation: Cancellation
  private let threads: Threads
  private let work: @Sendable (_ worker: Int, _ item: Int) throws -> Output
  private let order: @Sendable (Output) throws -> Job
  private let finish: @Sendable (Job) throws -> Void

  /// - Parameters:
  ///   - workers: `work` is told which of them it is, 0 to workers − 1, and no two items share a worker at one time.
  ///   - inFlight: items under way at one time; at least one a worker.
  init(
    workers: Int, inFlight: Int, cancellation: Cancellation, threads: Threads = .system,
    work: @escaping @Sendable (_ worker: Int, _ item: Int) throws -> Output,
    order: @escaping @Sendable (Output) throws -> Job,
    finish: @escaping @Sendable (Job) throws -> Void
  ) {
    workerCount = max(1, workers)
    self.inFlight = max(inFlight, workerCount)
    self.cancellation = cancellation
    self.threads = threads
    self.work = work
    self.order = order
    self.finish = finish
  }

  /// Takes the items 0..<count through. Returns when all are finished; throws the first error that was met, after which
  /// no further item is begun or ordered.
  func run(_ count: Int) throws {
    guard count > 0 else { return }
    let state = Mutex(State(items: count, slots: Array(repeating: nil, count: inFlight)))
    let beds = (0..<workerCount).map { _ in DispatchSemaphore(value: 0) }
    let shared = Shared(state)
    _ = threads.run(min(workerCount, count)) { [self] worker in serve(worker, shared, beds) }
    if let failure = shared.state.withLock({ $0.failure }) { throw failure }
    if cancellation.isCancelled { throw Cancelled() }
  }

  /// A mutex that closures can share.
  private final class Shared: Sendable {
    let state: Mutex<State>
    init(_ state: consuming sending Mutex<State>) { self.state = state }
  }

  private func serve(_ worker: Int, _ shared: Shared, _ beds: [DispatchSemaphore]) {
    while true {
      let task = shared.state.withLock { state in
        let task = state.next(cancellation.isCancelled)
        if case .sleep = task { state.sleepers.append(worker) }
        return task
      }
      switch task {
      case .work(let item):
        let result = Result { try work(worker, item) }
        change(shared, beds) { $0.slots[item % $0.slots.count] = result }
      case .order(let result):
        let job = Result { try order(try result.get()) }
        change(shared, beds) { state in
          state.isOrdering = false
          state.nextOrder += 1
          switch job {
          case .success(let job): state.jobs.append(job)
          case .failure(let error): state.failure = state.failure ?? error
          }
        }
      case .finish(let job):
        let result = Result { try finish(job) }
        change(shared, beds) { state in
          state.finished += 1
          if case .failure(let error) = result { state.failure = state.failure ?? error }
        }
      case .sleep: beds[worker].wait()
      case .stop:
        change(shared, beds) { _ in }
        return
      }
    }
  }

  /// Every change can be what a sleeper waits for.
  private func change(_ shared: Shared, _ beds: [DispatchSemaphore], _ body: (inout State) -> Void) {
    let woken = shared.state.withLock { state in
      body(&state)
      defer { state.sleepers = [] }
      return state.sleepers
    }
    for worker in woken { beds[worker].signal() }
  }
}

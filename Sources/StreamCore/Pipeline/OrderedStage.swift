import Dispatch
import Synchronization

/// Runs `work` on several workers and gives the results to `sink` in the order of the items. At most `window` items are
/// in flight, so a slow sink stops the source rather than filling memory, and a blocked stage sleeps.
public final class OrderedStage<Item: Sendable, Output: Sendable>: Sendable {
  private struct State {
    var slots: [Result<Output, any Error>?]
    var next = 0
    var failure: (any Error)?
    var idleWorkers: [Int]

    /// The next result in item order, or `nil` while it is still being worked on.
    mutating func takeNext() -> Result<Output, any Error>? {
      guard let result = slots[next % slots.count] else { return nil }
      slots[next % slots.count] = nil
      next += 1
      return result
    }
  }

  private let window: Int
  private let workerCount: Int
  private let cancellation: Cancellation
  private let work: @Sendable (_ worker: Int, Item) throws -> Output
  private let sink: @Sendable (Output) throws -> Void
  private let state: Mutex<State>

  /// - Parameters:
  ///   - workers: how many items are worked on at once; `work` is told which worker it is, 0 to workers − 1, and no two
  ///     items share a worker at one time.
  ///   - window: items in flight, from `work` to the end of `sink`.
  public init(
    workers: Int, window: Int, cancellation: Cancellation,
    work: @escaping @Sendable (_ worker: Int, Item) throws -> Output,
    sink: @escaping @Sendable (Output) throws -> Void
  ) {
    workerCount = max(1, workers)
    self.window = max(window, workerCount)
    self.cancellation = cancellation
    self.work = work
    self.sink = sink
    state = Mutex(
      State(slots: Array(repeating: nil, count: max(window, max(1, workers))), idleWorkers: Array(0..<max(1, workers))))
  }

  /// Returns when every item has passed the sink; throws the first error in item order, after all items before it.
  public func run(_ items: some Sequence<Item>) throws {
    let room = DispatchSemaphore(value: window)
    let hands = DispatchSemaphore(value: workerCount)
    let running = DispatchGroup()
    let workers = DispatchQueue(label: "vmcs-split.stage", attributes: .concurrent)
    let writer = DispatchQueue(label: "vmcs-split.stage.sink")
    for (index, item) in items.enumerated() {
      room.wait()
      hands.wait()
      if failure != nil || cancellation.isCancelled {
        hands.signal()
        room.signal()
        break
      }
      workers.async(group: running) { [self] in
        let worker = state.withLock { $0.idleWorkers.removeLast() }
        let result = Result { try work(worker, item) }
        state.withLock {
          $0.idleWorkers.append(worker)
          $0.slots[index % window] = result
        }
        hands.signal()
        writer.async(group: running) { [self] in
          while let next = state.withLock({ $0.takeNext() }) {
            deliver(next)
            room.signal()
          }
        }
      }
    }
    running.wait()
    if let failure { throw failure }
    if cancellation.isCancelled { throw Cancelled() }
  }

  private var failure: (any Error)? { state.withLock { $0.failure } }

  private func deliver(_ result: Result<Output, any Error>) {
    guard failure == nil else { return }
    do { try sink(try result.get()) } catch { state.withLock { $0.failure = error } }
  }
}

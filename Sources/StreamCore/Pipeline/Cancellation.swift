import Synchronization

/// A wish to stop, looked at by every worker between two batches.
public final class Cancellation: Sendable {
  private let wanted = Atomic<Bool>(false)
  private let followsSignals: Bool

  /// - Parameter followsSignals: a signal that was noted is a wish to stop, too.
  public init(followsSignals: Bool = false) { self.followsSignals = followsSignals }

  public func cancel() { wanted.store(true, ordering: .relaxed) }
  var isCancelled: Bool { wanted.load(ordering: .relaxed) || followsSignals && NotedSignals.first != 0 }
}

/// Thrown by stages that stop because of a `Cancellation`.
struct Cancelled: Error, Equatable, Sendable {
}

import Synchronization

/// A wish to stop, made by a signal and looked at by every worker between two batches.
public final class Cancellation: Sendable {
  private let wanted = Atomic<Bool>(false)

  public init() {}

  public func cancel() { wanted.store(true, ordering: .relaxed) }
  var isCancelled: Bool { wanted.load(ordering: .relaxed) }
}

/// Thrown by stages that stop because of a `Cancellation`.
struct Cancelled: Error, Equatable, Sendable {
  init() {}
}

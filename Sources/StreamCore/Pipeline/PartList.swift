import Synchronization

/// Results of workers, one place an item, so that they can be taken in the order of the items.
public final class PartList<Part: Sendable>: Sendable {
  private let parts: Mutex<[Part?]>

  public init(count: Int) { parts = Mutex(Array(repeating: nil, count: count)) }

  public func put(_ part: Part, at index: Int) { parts.withLock { $0[index] = part } }

  /// All parts that were put, in order.
  public func take() -> [Part] { parts.withLock { $0.compactMap { $0 } } }
}

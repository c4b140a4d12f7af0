import Synchronization

/// What is read at the first question, and then kept. Safe to use from any thread.
final class Once<Value: Sendable>: Sendable {
  private let known = Mutex<Value?>(nil)
  private let read: @Sendable () -> Value

  /// - Parameter read: called once.
  init(_ read: @escaping @Sendable () -> Value) { self.read = read }

  var value: Value {
    known.withLock { known in
      if let known { return known }
      let value = read()
      known = value
      return value
    }
  }
}

import Synchronization

/// Decoders or encoders with their contexts, each lent to one caller at a time; made when none is idle.
final class ContextPool<Context: AnyObject>: Sendable {
  /// Carries a context across the lock. Safe: the pool hands each context to one caller, and the lock orders the
  /// callers.
  private struct Hand: @unchecked Sendable { let context: Context }

  private let idle = Mutex<[Hand]>([])
  private let make: @Sendable () -> Context

  init(_ make: @escaping @Sendable () -> Context) { self.make = make }

  func borrow<R>(_ body: (Context) throws -> R) rethrows -> R {
    let hand = idle.withLock { $0.popLast() } ?? Hand(context: make())
    defer { idle.withLock { $0.append(hand) } }
    return try body(hand.context)
  }
}

typealias DecoderPool = ContextPool<PageDecoder>

extension ContextPool where Context == PageDecoder {
  convenience init() { self.init { PageDecoder() } }
}

typealias EncoderPool = ContextPool<PageEncoder>

extension ContextPool where Context == PageEncoder {
  convenience init(_ codec: PageCodec) { self.init { PageEncoder(codec) } }
}

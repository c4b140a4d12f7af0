import Glibc

/// A thread of the system, asked for by itself: where none can be had (`pids.max`, RLIMIT_NPROC, no address space for its
/// stack), that is known at once. Dispatch would try again for ever.
final class SystemThread: Sendable {
  /// Bytes of a thread's stack; the system's usual 8 MiB are much where address space is short.
  private static let stack = 2 << 20
  private let thread: pthread_t

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Begins to run `body`; `nil`: there is no thread for it. One that was begun must be joined.
  init?(_ body: @escaping @Sendable () -> Void) {
    var attributes = pthread_attr_t()
    // Safe, here and below: the attributes and the thread's number are ours, and set up before they are used.
    guard unsafe pthread_attr_init(&attributes) == 0 else { return nil }
    defer { _ = unsafe pthread_attr_destroy(&attributes) }
    _ = unsafe pthread_attr_setstacksize(&attributes, Self.stack)
    var started = pthread_t()
    // Safe: the thread takes the one reference that is held for it; without a thread it is given back below.
    let held = unsafe Unmanaged.passRetained(Body(body))
    let failed = unsafe pthread_create(
      &started, &attributes,
      { held in
        guard let held = unsafe held else { return nil }
        unsafe Unmanaged<Body>.fromOpaque(held).takeRetainedValue().run()
        return nil
      }, held.toOpaque())
    if failed != 0 {
      unsafe held.release()
      return nil
    }
    thread = started
  }

  /// The calling thread does nothing for some time, or until a signal comes.
  static func rest(milliseconds: UInt32) { _ = usleep(milliseconds * 1000) }

  /// Waits until the body has run; once.
  func join() { _ = pthread_join(thread, nil) }

  /// Runs `body` on the caller, told 0, and on up to `count` − 1 threads beside it, told 1 and up. Returns when all have
  /// run.
  /// - Returns: how many did: fewer where threads are few.
  static func runSideBySide(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> Int {
    var threads: [SystemThread] = []
    while threads.count + 1 < count {
      let number = threads.count + 1
      guard let thread = SystemThread({ body(number) }) else { break }
      threads.append(thread)
    }
    // The caller works too: a thread less to wake.
    body(0)
    for thread in threads { thread.join() }
    return threads.count + 1
  }
}

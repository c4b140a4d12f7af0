/// Where workers' threads come from.
struct Threads: Sendable {
  /// Runs a body on the caller, told 0, and on up to `count` − 1 threads, told 1 and up; returns how many ran.
  let run: @Sendable (_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> Int

  /// As many as the system gives.
  static let system = Threads { SystemThread.runSideBySide($0, $1) }

  /// At most so many beside the caller.
  static func atMost(_ limit: Int) -> Threads { Threads { SystemThread.runSideBySide(min($0, limit + 1), $1) } }
}

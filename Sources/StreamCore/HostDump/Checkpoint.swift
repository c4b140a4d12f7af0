/// Ends each step of the work: what a step comes to counts only if every read that it rests on went through, and nobody
/// wants to stop. A step that made do without some bytes, or took them for damage, ends here.
struct Checkpoint: Sendable {
  private let sources: [ByteSource]
  private let cancellation: Cancellation

  /// - Parameter others: what else the work reads.
  init(_ source: ByteSource, _ workers: Workers, _ others: [ByteSource] = []) {
    sources = [source] + others
    cancellation = workers.cancellation
  }

  /// - Throws: a failed read as `SystemError`, a wish to stop as `Cancelled`, whatever `body` made of them; else what
  ///   `body` throws.
  func step<R>(_ body: () throws -> R) throws -> R {
    let result = Result { try body() }
    if cancellation.isCancelled { throw Cancelled() }
    for source in sources { try source.check() }
    return try result.get()
  }
}

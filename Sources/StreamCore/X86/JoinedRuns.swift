/// A run of pages that can take the next one in.
protocol JoinableRun {
  /// Takes `next` in where it continues this run.
  mutating func join(_ next: Self) -> Bool
}

extension MapRun: JoinableRun {}

/// Runs on their way to whoever takes them, neighbours joined. The last one waits for `flush`.
struct JoinedRuns<Run: JoinableRun> {
  private var open: Run?

  /// Lengthens the run that waits, or hands it over and lets this one wait.
  mutating func add<E: Error>(_ run: Run, _ body: (Run) throws(E) -> Void) throws(E) {
    guard var before = open else {
      open = run
      return
    }
    if before.join(run) {
      open = before
    } else {
      try body(before)
      open = run
    }
  }

  mutating func flush<E: Error>(_ body: (Run) throws(E) -> Void) throws(E) {
    if let open { try body(open) }
    open = nil
  }
}

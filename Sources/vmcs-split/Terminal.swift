import Glibc
import StreamCore
import Synchronization

/// Text for people goes to standard output; progress, warnings and errors to standard error.
enum Terminal {
  /// Why standard output did not take all that was to go there.
  private static let failure = Mutex<SystemError?>(nil)
  private static let bar = Mutex<ProgressBar?>(nil)

  /// Text for people: what would move the cursor is shown escaped.
  static func out(_ text: String) {
    document(
      text.split(separator: "\n", omittingEmptySubsequences: false).map { PathText.printable(String($0)) }
        .joined(separator: "\n"))
  }

  /// Text for programs, as it is.
  static func document(_ text: String) { _ = bytes(Array(text.utf8)) }

  /// - Returns: `false` when standard output takes no more.
  static func bytes(_ bytes: [UInt8]) -> Bool {
    endProgress()
    return failure.withLock { failure in
      guard failure == nil else { return false }
      do throws(SystemError) {
        try ProcessSurroundings.write(bytes, to: STDOUT_FILENO, called: "standard output")
        return true
      } catch {
        failure = error
        return false
      }
    }
  }

  /// A line on standard error, or several of the program's own. What cannot be written there is told nowhere.
  static func error(_ text: String) {
    endProgress()
    raw(PathText.printable(text) + "\n")
  }

  /// A line on standard error while the work goes on: the bar comes back below it.
  static func notice(_ text: String) {
    bar.withLock { $0?.clear() }
    raw(PathText.printable(text) + "\n")
  }

  /// What the parser says: lines of its own, which may quote an argument.
  static func complaint(_ text: String) {
    endProgress()
    raw(
      text.split(separator: "\n", omittingEmptySubsequences: false).map { PathText.printable(String($0)) }
        .joined(separator: "\n") + "\n")
  }

  fileprivate static func raw(_ text: String) {
    try? ProcessSurroundings.write(Array(text.utf8), to: STDERR_FILENO, called: "standard error")
  }

  /// Columns that a table may take; `nil`: as many as it needs.
  static var outputWidth: Int? { ProcessSurroundings.terminalWidth(STDOUT_FILENO) }

  /// A progress bar, where there is a terminal for it that can redraw a line.
  static func beginProgress() -> Progress {
    guard let width = ProcessSurroundings.terminalWidth(STDERR_FILENO),
      !["", "dumb"].contains(ProcessSurroundings.variable("TERM") ?? "")
    else { return .none }
    let new = ProgressBar(width: width)
    bar.withLock { $0 = new }
    return new.progress
  }

  /// Removes the bar, so that the text that follows stands alone; it does not come back.
  static func endProgress() {
    bar.withLock { bar in
      bar?.end()
      bar = nil
    }
  }

  /// Ends the program; standard output that could not be written is a failure of its own, but for a pipe that nobody
  /// reads any more.
  static func exit(_ status: Int32) -> Never {
    endProgress()
    do throws(SystemError) {
      if let failure = failure.withLock({ $0 }) { throw failure }
      try ProcessSurroundings.close(STDOUT_FILENO, called: "standard output")
    } catch {
      if !error.isClosedPipe {
        self.error("vmcs-split: \(error)")
        if status == ExitStatus.complete.code || status == ExitStatus.incomplete.code {
          Glibc.exit(ExitStatus.ioFailed.code)
        }
      }
    }
    Glibc.exit(status)
  }
}

/// A progress bar on standard error, redrawn when a whole percent or a second has passed.
final class ProgressBar: Sendable {
  private struct State {
    var stage: ProgressStage?
    var percent: UInt64 = 0
    var began = ContinuousClock.now
    var drawn = ContinuousClock.now
    var hasEnded = false
  }
  private let state = Mutex(State())
  /// Columns of the terminal.
  private let width: Int

  init(width: Int) { self.width = width }

  var progress: Progress {
    Progress { [self] stage, done, total in draw(stage, done, total) }
  }

  private func draw(_ stage: ProgressStage, _ done: UInt64, _ total: UInt64) {
    let percent = total == 0 ? 100 : min(100, (done.multipliedFullWidth(by: 100)).low / total)
    state.withLock { state in
      let now = ContinuousClock.now
      if state.stage != stage { state.began = now }
      guard !state.hasEnded, state.stage != stage || state.percent != percent || now - state.drawn > .seconds(1)
      else { return }
      (state.stage, state.percent, state.drawn) = (stage, percent, now)
      let line = ProgressLine(stage, done: done, total: total, percent: percent, elapsed: now - state.began)
      Terminal.raw("\r\u{1b}[K" + line.text(width: width))
    }
  }

  /// Removes what is drawn, until it is drawn again.
  func clear() {
    state.withLock { state in
      if state.stage != nil, !state.hasEnded { Terminal.raw("\r\u{1b}[K") }
    }
  }

  func end() {
    clear()
    state.withLock { $0.hasEnded = true }
  }
}

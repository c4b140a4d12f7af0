import Foundation
import Synchronization

/// Looks at a process' anonymous memory (RssAnon of /proc/PID/status) again and again while it runs. The kernel keeps
/// no peak of it, so a peak shorter than the pause between two looks can be missed.
final class AnonSampler: Sendable {
  private static let pause = 0.002

  private let isOver = Atomic(false)
  private let peak = Atomic(0)
  private let done = DispatchSemaphore(value: 0)

  init(pid: Int32) {
    let path = "/proc/\(pid)/status"
    Thread.detachNewThread { [self] in
      while !isOver.load(ordering: .relaxed) {
        if let bytes = Self.anonymous(path) { peak.max(bytes, ordering: .relaxed) }
        Thread.sleep(forTimeInterval: Self.pause)
      }
      done.signal()
    }
  }

  /// Ends the looking. Bytes, 0 when the process was gone before the first look.
  func stop() -> Int {
    isOver.store(true, ordering: .relaxed)
    done.wait()
    return peak.load(ordering: .relaxed)
  }

  private static func anonymous(_ path: String) -> Int? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("RssAnon:") {
      return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
    return nil
  }
}

import Glibc
import StreamCore
import Synchronization

/// Text for people goes to standard output; progress, warnings and errors to standard error.
enum Terminal {
  static func out(_ text: String) { writeAll(Array(text.utf8), to: STDOUT_FILENO) }
  static func error(_ text: String) { writeAll(Array((text + "\n").utf8), to: STDERR_FILENO) }
  static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// A progress bar on standard error, redrawn when a whole percent has passed.
final class ProgressBar: Sendable {
  private let shown = Mutex<(stage: ProgressStage?, percent: UInt64)>((nil, 0))

  var progress: Progress {
    Progress { [self] stage, done, total in draw(stage, done, total) }
  }

  private func draw(_ stage: ProgressStage, _ done: UInt64, _ total: UInt64) {
    let percent = total == 0 ? 100 : min(100, done * 100 / total)
    shown.withLock { shown in
      guard shown.stage != stage || shown.percent != percent else { return }
      shown = (stage, percent)
      let filled = Int(percent) * 30 / 100
      let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
      writeAll(Array("\r\u{1b}[K\(stage.rawValue) [\(bar)] \(percent)%".utf8), to: STDERR_FILENO)
    }
  }

  /// Removes the bar, so that the text that follows stands alone.
  func clear() {
    shown.withLock { shown in
      if shown.stage != nil { writeAll(Array("\r\u{1b}[K".utf8), to: STDERR_FILENO) }
      shown = (nil, 0)
    }
  }
}

/// A table with aligned columns: text to the left, numbers to the right.
struct Table {
  private var rows: [[String]]
  private let rightAligned: Set<Int>

  init(_ header: [String], rightAligned: Set<Int> = []) {
    rows = [header]
    self.rightAligned = rightAligned
  }

  mutating func add(_ row: [String]) { rows.append(row) }

  var text: String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += rightAligned.contains(column) ? padding + cell : cell + padding
        line += "  "
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}

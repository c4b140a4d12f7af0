import StreamCore

/// One line that says how far a stage has come: a bar, the bytes of memory that were gone through, how fast, and how long
/// the rest will take. What does not fit into the terminal's width is left out.
struct ProgressLine {
  private let stage: ProgressStage
  private let percent: UInt64
  /// The bar's companions, the most telling first.
  private var parts: [String] = []

  init(_ stage: ProgressStage, done: UInt64, total: UInt64, percent: UInt64, elapsed: Duration) {
    self.stage = stage
    self.percent = percent
    parts.append("\(percent) %")
    let seconds = elapsed / .seconds(1)
    if let unit = stage.bytesPerStep {
      parts.append(Size.text(done.multipliedReportingOverflow(by: unit).partialValue))
      if seconds > 0.5, done > 0 { parts.append(Size.text(UInt64(Double(done) * Double(unit) / seconds)) + "/s") }
    }
    if seconds > 0.5, done > 0, done < total {
      let left = UInt64(min(360_000, seconds * Double(total - done) / Double(done)))
      parts.append("\(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left")
    }
  }

  /// - Parameter width: columns of the terminal; the last stays free, where some of them wrap.
  func text(width: Int) -> String {
    let room = max(0, width - 1)
    var line = stage.rawValue
    for (index, part) in parts.enumerated() {
      let longer = line + (index == 0 ? " " : ", ") + part
      if longer.count > room { break }
      line = longer
    }
    let cells = min(30, room - line.count - 3)
    guard cells >= 5 else { return String(line.prefix(room)) }
    let filled = Int(min(100, percent)) * cells / 100
    let bar = " [" + String(repeating: "#", count: filled) + String(repeating: ".", count: cells - filled) + "]"
    return stage.rawValue + bar + line.dropFirst(stage.rawValue.count)
  }
}

/// Bytes as people read them.
enum Size {
  static func text(_ bytes: UInt64) -> String {
    let gigabyte: UInt64 = 1 << 30
    return bytes >= 10 * gigabyte ? tenths(bytes, gigabyte) + " GiB" : tenths(bytes, 1 << 20) + " MiB"
  }

  private static func tenths(_ bytes: UInt64, _ unit: UInt64) -> String {
    let whole = bytes / unit
    let tenths = (bytes % unit * 10 + unit / 2) / unit
    return tenths == 10 ? "\(whole + 1).0" : "\(whole).\(tenths)"
  }
}

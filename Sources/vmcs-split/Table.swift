/// A table with aligned columns: text to the left, numbers to the right. Where it does not fit the terminal it is cut
/// into several, one below the other, each with the columns that name a row.
struct Table {
  private var rows: [[String]]
  private let rightAligned: Set<Int>
  /// Columns from the left that name a row.
  private let keys: Int
  /// Columns of text that may lose its end where the terminal is too narrow for it.
  private let cuttable: Set<Int>

  init(_ header: [String], rightAligned: Set<Int> = [], keys: Int = 1, cuttable: Set<Int> = []) {
    rows = [header]
    self.rightAligned = rightAligned
    self.keys = keys
    self.cuttable = cuttable
  }

  mutating func add(_ row: [String]) { rows.append(row) }

  /// - Parameter width: columns of the terminal; `nil`: as many as it needs.
  func text(width: Int?) -> String {
    let columns = rows.map(\.count).max() ?? 0
    func widths(_ rows: [[String]]) -> [Int] {
      (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    }
    let room = (width ?? .max) - widths(rows).prefix(keys).reduce(0) { $0 + $1 + 2 }
    let shown = rows.map { row in
      row.enumerated().map { cuttable.contains($0) ? Self.cut($1, to: room) : $1 }
    }
    let needed = widths(shown)
    return groups(of: needed, width ?? .max).map { Self.text(of: $0, shown, needed, rightAligned) }
      .joined(separator: "\n")
  }

  private static func cut(_ text: String, to room: Int) -> String {
    text.count > room ? text.prefix(max(0, room - 3)) + "..." : text
  }

  /// Columns that stand side by side.
  private func groups(of widths: [Int], _ width: Int) -> [[Int]] {
    let head = Array(0..<min(keys, widths.count))
    func needed(_ columns: [Int]) -> Int { columns.reduce(-2) { $0 + widths[$1] + 2 } }
    var groups = [head]
    for column in head.count..<widths.count {
      let last = groups[groups.count - 1]
      if needed(last + [column]) <= width || last.count == head.count {
        groups[groups.count - 1].append(column)
      } else {
        groups.append(head + [column])
      }
    }
    return groups
  }

  private static func text(
    of columns: [Int], _ rows: [[String]], _ widths: [Int], _ rightAligned: Set<Int>
  ) -> String {
    rows.map { row in
      var line = ""
      for column in columns where column < row.count {
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        line += (rightAligned.contains(column) ? padding + row[column] : row[column] + padding) + "  "
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}

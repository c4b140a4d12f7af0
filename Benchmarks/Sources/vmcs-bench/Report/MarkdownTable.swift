/// A table that reads well both as Markdown and on a terminal.
struct MarkdownTable {
  let header: [String]
  /// Whether all columns but the first hold figures, which are aligned to the right.
  var figures = true
  /// Each as long as the header.
  var rows: [[String]] = []

  var text: String {
    let widths = header.indices.map { column in
      ([header] + rows).map { $0[column].count }.max() ?? 0
    }
    let rule = widths.indices.map { column in
      String(repeating: "-", count: max(widths[column], 2) + 1) + (column == 0 || !figures ? "-" : ":")
    }
    let lines = ([header] + rows).map { row in
      let cells = row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        return column == 0 || !figures ? row[column] + space : space + row[column]
      }
      return "| " + cells.joined(separator: " | ") + " |"
    }
    return ([lines[0], "|" + rule.joined(separator: "|") + "|"] + lines.dropFirst()).joined(separator: "\n")
  }
}

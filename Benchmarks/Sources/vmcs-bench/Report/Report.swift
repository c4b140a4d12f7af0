import Foundation

/// The results as Markdown, the same for the terminal and the file.
struct Report {
  let circumstances: Circumstances
  let sections: [Section]
  /// The races that were asked for; empty: the usual ones.
  var races: [String] = []

  var fileName: String { (["\(circumstances.date)-\(circumstances.commit)"] + races).joined(separator: "-") + ".md" }

  var text: String {
    var parts = [
      "# vmcs-split, measured",
      """
      Whole processes, measured in turns in one run on the same files, page cache warm: inputs read in from start to
      end. Ratios: the median of the rounds' own ratios, with the smallest and the largest. Times of different runs
      must not be compared.
      """,
      MarkdownTable(header: ["", "measured with"], figures: false, rows: circumstances.rows).text,
    ]
    parts += sections.flatMap { ["## \($0.title)"] + $0.parts }
    return parts.joined(separator: "\n\n") + "\n"
  }

  /// Three significant digits, without exponents.
  static func ratio(_ value: Double) -> String {
    digits(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)
  }

  static func digits(_ value: Double, _ places: Int) -> String {
    String(format: "%.\(places)f", value)
  }
}

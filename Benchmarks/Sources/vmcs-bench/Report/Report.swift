import Foundation

/// The results as Markdown, the same for the terminal and the file.
struct Report {
  let circumstances: Circumstances
  let outcomes: [Outcome]
  /// Peak of the benchmark itself in bytes: below it a child's memory cannot be seen.
  let ownPeak: Int

  var fileName: String { "\(circumstances.date)-\(circumstances.commit).md" }

  var text: String {
    var parts = [
      "# list and split against their peers",
      """
      Whole processes, measured in turns in one run on the same files, warm page cache. Ratios: the median of the
      rounds' own ratios, with the smallest and the largest. Times of different runs must not be compared.
      """,
      MarkdownTable(header: ["", "measured with"], figures: false, rows: circumstances.rows).text,
    ]
    parts += outcomes.flatMap(section)
    return parts.joined(separator: "\n\n") + "\n"
  }

  private func section(_ outcome: Outcome) -> [String] {
    [
      "## \(outcome.race.title)", ratios(outcome).text, medians(outcome).text,
      notes(outcome).map { "- \($0)" }.joined(separator: "\n"),
    ]
  }

  private func ratios(_ outcome: Outcome) -> MarkdownTable {
    var table = MarkdownTable(header: ["ratio", "wall", "(spread)", "CPU", "(spread)"])
    for comparison in outcome.race.comparisons {
      table.rows.append([comparison.title] + figures(comparison, in: outcome))
    }
    return table
  }

  private func figures(_ comparison: Comparison, in outcome: Outcome) -> [String] {
    guard let over = outcome.sums(comparison.over), let under = outcome.sums(comparison.under) else {
      return ["skipped", "", "skipped", ""]
    }
    return [\Sample.wall, \Sample.cpu].flatMap { measure in
      guard let spread = Spread(ratiosOf: over.map { $0[keyPath: measure] }, to: under.map { $0[keyPath: measure] })
      else { return ["too short", ""] }
      return [Self.ratio(spread.median), "\(Self.ratio(spread.smallest))–\(Self.ratio(spread.largest))"]
    }
  }

  private func medians(_ outcome: Outcome) -> MarkdownTable {
    var table = MarkdownTable(header: ["medians", "wall ms", "user ms", "system ms", "max RSS MB"])
    for entry in outcome.race.entries {
      guard let samples = outcome.samples[entry.name] else {
        table.rows.append([entry.name, "skipped", "", "", ""])
        continue
      }
      let times = [\Sample.wall, \Sample.user, \Sample.system].map { measure in
        Spread(of: samples.map { $0[keyPath: measure] }).map { Self.digits($0.median * 1000, 1) } ?? ""
      }
      table.rows.append([entry.name] + times + [memory(samples)])
    }
    return table
  }

  private func memory(_ samples: [Sample]) -> String {
    guard let spread = Spread(of: samples.map { Double($0.maxRSS) }) else { return "" }
    let hidden = spread.median <= Double(ownPeak)
    return (hidden ? "≤ " : "") + Self.digits(spread.median / 1e6, 1)
  }

  private func notes(_ outcome: Outcome) -> [String] {
    let contenders = outcome.race.entries.map { entry in
      switch entry {
      case .skipped(let name, let reason): "\(name): skipped, \(reason)"
      case .ready(let contender):
        "\(contender.name): \(contender.meaning)" + (outcome.quotes[contender.name].map { "; said \"\($0)\"" } ?? "")
      }
    }
    return outcome.race.facts + contenders
  }

  /// Three significant digits, without exponents.
  static func ratio(_ value: Double) -> String {
    digits(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)
  }

  static func digits(_ value: Double, _ places: Int) -> String {
    String(format: "%.\(places)f", value)
  }
}

import Foundation

/// The outcome of a race as the results show it: ratios, medians, and what the contenders are.
struct OutcomeSection {
  /// Peak of the benchmark itself in bytes: below it a child's memory cannot be seen.
  let ownPeak: Int

  func section(_ outcome: Outcome) -> Section {
    Section(
      title: outcome.race.title,
      parts: [
        ratios(outcome).text, medians(outcome).text, notes(outcome).map { "- \($0)" }.joined(separator: "\n"),
      ])
  }

  private func ratios(_ outcome: Outcome) -> MarkdownTable {
    var table = MarkdownTable(header: ["ratio", "wall", "(spread)", "CPU", "(spread)"])
    for comparison in outcome.race.comparisons {
      let title = comparison.title + (comparison.measure == .user ? " (CPU: user alone)" : "")
      table.rows.append([title] + Self.figures(comparison, in: outcome))
    }
    return table
  }

  /// Wall and CPU (or user mode) ratios, each the median and its spread.
  static func figures(_ comparison: Comparison, in outcome: Outcome) -> [String] {
    guard let over = outcome.sums(comparison.over), let under = outcome.sums(comparison.under) else {
      return ["skipped", "", "skipped", ""]
    }
    let second: KeyPath<Sample, Double> = comparison.measure == .user ? \.user : \.cpu
    return [\Sample.wall, second].flatMap { measure in
      guard let spread = Spread(ratiosOf: over.map { $0[keyPath: measure] }, to: under.map { $0[keyPath: measure] })
      else { return ["too short", ""] }
      return [Report.ratio(spread.median), "\(Report.ratio(spread.smallest))–\(Report.ratio(spread.largest))"]
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
        Spread(of: samples.map { $0[keyPath: measure] }).map { Report.digits($0.median * 1000, 1) } ?? ""
      }
      table.rows.append([entry.name] + times + [memory(samples)])
    }
    return table
  }

  private func memory(_ samples: [Sample]) -> String {
    guard let spread = Spread(of: samples.map { Double($0.maxRSS) }) else { return "" }
    let hidden = spread.median <= Double(ownPeak)
    return (hidden ? "≤ " : "") + Report.digits(spread.median / 1e6, 1)
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
}

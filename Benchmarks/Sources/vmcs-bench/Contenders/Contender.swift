/// One way to do a job: the processes that are timed, one after the other, and what must be there when they are done.
struct Contender: Sendable {
  /// How comparisons and tables name it.
  let name: String
  /// The commands for the reader of the results, with DUMP and OUT for paths.
  let meaning: String
  let commands: [Command]
  let product: Product
  /// Whether its anonymous memory is sampled while it runs.
  var isWatched = false

  enum Product: Sendable {
    /// Something on standard output; the results quote it when `quoted`.
    case text(quoted: Bool)
    /// The files `names` in the workspace's directory of that name, which is made anew before each run, with nothing
    /// else in it. Sizes in bytes where they are known beforehand.
    case files(directory: String, sizes: [String: Int?])
  }
}

/// A contender that takes part, or one that cannot, with the reason.
enum Entry: Sendable {
  case ready(Contender)
  case skipped(name: String, reason: String)

  var name: String {
    switch self {
    case .ready(let contender): contender.name
    case .skipped(let name, _): name
    }
  }
}

/// A ratio that the results show: the sum of some contenders over the sum of others, in the same round.
struct Comparison: Sendable {
  let title: String
  let over: [String]
  let under: [String]
  /// What stands in the second column of ratios: all CPU, or user mode alone.
  var measure = Measure.cpu

  enum Measure: Sendable { case cpu, user }
}

/// Contenders that are measured in turns, on the same input, and the ratios between them.
struct Race: Sendable {
  let title: String
  /// Facts on the input that the results state.
  let facts: [String]
  let entries: [Entry]
  let comparisons: [Comparison]
}

@testable import StreamCore

/// All runs and counts of a root, put together from its subtrees in order of guest address.
struct EPTOutcome: Equatable {
  var runs: [MapRun] = []
  var counts: MapCounts

  /// - Parameter backwards: the last subtree is walked first.
  init(_ walk: EPTWalk, atLeast count: Int, backwards: Bool) {
    let subtrees = walk.subtrees(atLeast: count)
    var parts = [(runs: [MapRun], counts: MapCounts)](repeating: ([], MapCounts()), count: subtrees.count)
    for index in backwards ? Array(subtrees.indices.reversed()) : Array(subtrees.indices) {
      var runs: [MapRun] = []
      let counts = walk.walk(subtrees[index]) { runs.append($0) }
      parts[index] = (runs, counts)
    }
    counts = walk.counts
    for part in parts {
      counts.add(part.counts)
      for run in part.runs where runs.isEmpty || !runs[runs.count - 1].join(run) { runs.append(run) }
    }
  }
}

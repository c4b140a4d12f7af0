/// Records of a flattened file that follow each other in the plain one, known by the first of them: what lies between
/// them in the flattened file are others' records, and few.
struct FlattenedGroup: Sendable, Equatable {
  /// Bytes of the plain file.
  var start: UInt64
  var end: UInt64
  /// The head of the first record.
  var head: UInt64
}

/// Gathers the records of a flattened file into groups, in the order of the file.
struct FlattenedGroups {
  /// Record heads from a group's first to its last at most, so that as many lead to any byte. Measured on makedumpfile's
  /// records of some 64 KiB of data, with one of descriptors between any two: a group is 2 MiB of data.
  static let span = 64
  /// Groups that may go on at a time: data, descriptors, and what else a writer has begun.
  private static let openAtMost = 4

  private(set) var groups: [FlattenedGroup] = []
  /// Indices of the groups that may go on, with the number of their first record; the one that went on last is last.
  private var open: [(group: Int, first: Int)] = []
  private var records = 0

  /// - Parameter range: where the bytes that are there belong.
  mutating func add(_ record: FlattenedRecord, _ range: Range<UInt64>) {
    records += 1
    let number = records
    open.removeAll { number - $0.first >= Self.span }
    let going = open.firstIndex { self.groups[$0.group].end == range.lowerBound }
    let entry = going.map { open.remove(at: $0) } ?? (group: groups.count, first: number)
    if going == nil {
      groups.append(FlattenedGroup(start: range.lowerBound, end: range.upperBound, head: record.head))
    } else {
      groups[entry.group].end = range.upperBound
    }
    // Of two that end alike only one can go on, or a record would belong to both.
    open.removeAll { self.groups[$0.group].end == range.upperBound }
    open.append(entry)
    if open.count > Self.openAtMost { open.removeFirst() }
  }

  /// Groups that have bytes in common with another: a later record counts there, so their records stand for themselves.
  /// - Parameter ascending: by `start`.
  static func overlapping(_ ascending: [FlattenedGroup]) -> [Bool] {
    var result = [Bool](repeating: false, count: ascending.count)
    var farthest = 0
    for index in ascending.indices.dropFirst() {
      if ascending[index].start < ascending[farthest].end {
        result[index] = true
        result[farthest] = true
      }
      if ascending[index].end > ascending[farthest].end { farthest = index }
    }
    return result
  }

  /// Single records as disjoint groups, ascending: where two have a byte, that of the later one counts.
  static func settled(_ records: [FlattenedGroup]) -> [FlattenedGroup] {
    let latestFirst = records.sorted { $0.head > $1.head }
    let boundaries = Set(latestFirst.flatMap { [$0.start, $0.end] }).sorted()
    let byStart = latestFirst.indices.sorted { latestFirst[$0].start < latestFirst[$1].start }
    var next = 0
    var begun = IndexHeap()
    var result: [FlattenedGroup] = []
    for (low, high) in zip(boundaries, boundaries.dropFirst()) {
      while next < byStart.count, latestFirst[byStart[next]].start <= low {
        begun.push(byStart[next])
        next += 1
      }
      while let top = begun.first, latestFirst[top].end <= low { begun.pop() }
      guard let top = begun.first else { continue }
      if let last = result.last, last.end == low, last.head == latestFirst[top].head {
        result[result.count - 1].end = high
      } else {
        result.append(FlattenedGroup(start: low, end: high, head: latestFirst[top].head))
      }
    }
    return result
  }
}

extension RandomAccessCollection where Index == Int {
  /// Index of the first element that satisfies `belongs`, in a collection where all that do stand behind all that do
  /// not; `endIndex` when none does. Takes log n steps.
  @inline(__always)
  func partitioningIndex(where belongs: (Element) throws -> Bool) rethrows -> Int {
    var low = startIndex
    var high = endIndex
    while low < high {
      let middle = low + (high - low) / 2
      if try belongs(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

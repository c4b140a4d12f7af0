/// A binary min-heap of small integers.
struct IndexHeap {
  private var items: [Int] = []

  var first: Int? { items.first }
  /// The smaller of the root's children: the second smallest item.
  var second: Int? { items.count > 2 ? min(items[1], items[2]) : items.count > 1 ? items[1] : nil }

  mutating func push(_ item: Int) {
    items.append(item)
    var at = items.count - 1
    while at > 0, items[(at - 1) / 2] > items[at] {
      items.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  mutating func pop() {
    guard let last = items.popLast(), !items.isEmpty else { return }
    items[0] = last
    var at = 0
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2] where child < items.count && items[child] < items[least] { least = child }
      if least == at { return }
      items.swapAt(at, least)
      at = least
    }
  }
}

/// What a range of virtual addresses holds, in ascending order.
enum X86Mapping: Sendable, Hashable {
  /// `byteCount` bytes from a virtual to a physical address; both continue over several leaves.
  case run(VirtualAddress, physical: UInt64, byteCount: UInt64)
  /// A last-level entry that is not present and not 0: a swap entry, or one of its kind.
  case notPresent(VirtualAddress, entry: UInt64)
  /// The memory does not hold the table for the addresses from here on.
  case missingTable(VirtualAddress, level: Int, frame: UInt64)
}

extension X86PageTables {
  /// Goes through all mappings of a range, ascending. Leaves that reach out of the range are cut.
  /// - Parameters:
  ///   - range: virtual addresses, last one included; what is not canonical in it maps nothing.
  ///   - limit: tables read at most, since tables of a hostile guest can name each other.
  ///   - flags: bits that a leaf must have to count.
  /// - Returns: `false` when the limit ended the walk early.
  func forEachMapping<E: Error>(
    in range: ClosedRange<UInt64>, tableLimit limit: Int, flags: UInt64 = 0, _ body: (X86Mapping) throws(E) -> Void
  ) throws(E) -> Bool {
    var walk = X86RangeWalk(tables: self, range: range, flags: flags, budget: limit)
    try walk.visit(root, levels, base: 0, body)
    try walk.flush(body)
    return walk.budget >= 0
  }
}

private struct X86RangeWalk {
  let tables: X86PageTables
  let range: ClosedRange<UInt64>
  let flags: UInt64
  /// Tables that may still be read; negative when one too many was asked for.
  var budget: Int
  private var open: (virtual: UInt64, physical: UInt64, byteCount: UInt64)?

  init(tables: X86PageTables, range: ClosedRange<UInt64>, flags: UInt64, budget: Int) {
    self.tables = tables
    self.range = range
    self.flags = flags
    self.budget = max(0, budget)
  }

  mutating func flush<E: Error>(_ body: (X86Mapping) throws(E) -> Void) throws(E) {
    guard let run = open else { return }
    open = nil
    try body(.run(VirtualAddress(rawValue: run.virtual), physical: run.physical, byteCount: run.byteCount))
  }

  mutating func visit<E: Error>(
    _ table: UInt64, _ level: Int, base: UInt64, _ body: (X86Mapping) throws(E) -> Void
  ) throws(E) {
    budget -= 1
    guard budget >= 0 else { return }
    guard let page = tables.memory.page(table >> 12).page else {
      try flush(body)
      let first = VirtualAddress(rawValue: max(base, range.lowerBound))
      try body(.missingTable(first, level: level, frame: table >> 12))
      return
    }
    let size: UInt64 = 1 << UInt64(12 + 9 * (level - 1))
    for index in 0..<512 where budget >= 0 {
      let first = address(base, index, level)
      let last = first + (size - 1)
      guard last >= range.lowerBound, first <= range.upperBound else { continue }
      let entry = page.entry(index)
      if entry & X86PageTables.present == 0 {
        guard level == 1, entry != 0 else { continue }
        try flush(body)
        try body(.notPresent(VirtualAddress(rawValue: first), entry: entry))
      } else if X86PageTables.leafSize(entry, level) != nil {
        guard entry & flags == flags else { continue }
        try map(first, last, entry & tables.frameMask & ~(size - 1), body)
      } else {
        try visit(entry & tables.frameMask, level - 1, base: first, body)
      }
    }
  }

  private mutating func map<E: Error>(
    _ first: UInt64, _ last: UInt64, _ physical: UInt64, _ body: (X86Mapping) throws(E) -> Void
  ) throws(E) {
    let start = max(first, range.lowerBound)
    let count = min(last, range.upperBound) - start &+ 1
    let target = physical + (start - first)
    if let run = open, run.virtual &+ run.byteCount == start, run.physical &+ run.byteCount == target {
      open?.byteCount &+= count
      return
    }
    try flush(body)
    open = (start, target, count)
  }

  /// The first address below an entry; the top level's upper half is sign-extended.
  private func address(_ base: UInt64, _ index: Int, _ level: Int) -> UInt64 {
    let shift = UInt64(12 + 9 * (level - 1))
    let address = base | UInt64(index) << shift
    guard level == tables.levels, index >= 256 else { return address }
    return address | ~((1 << (shift + 9)) - 1)
  }
}

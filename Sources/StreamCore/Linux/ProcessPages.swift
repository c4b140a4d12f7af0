/// The memory of a process by its page tables, and where these have nothing, by the page cache of the files that it maps:
/// pages by number, `address >> 12`.
struct ProcessPages: Sendable {
  private(set) var memory: any PhysicalMemory
  /// Physical address of its top-level table, `mm_struct.pgd`.
  let root: HPA
  /// 4 or 5.
  let levels: Int
  /// Bits of an entry that say where it leads.
  var frameMask = X86PageTables.addressMask
  let swapTypes: SwapTypes
  let mappings: FileMappings
  /// Tables that one walk reads at most: where it has read so many, it has ended early.
  var tableLimit = UInt64.max

  /// A run of pages that all have, or all lack, a frame.
  struct Run: Sendable, Equatable {
    enum Content: Sendable, Equatable {
      /// The first page's; those of the others follow.
      case frames(UInt64)
      case absent(AbsentReason)
      /// The dump lacks the table that would tell.
      case unknown
    }
    var page: UInt64
    var count: UInt64
    var content: Content
    /// The page cache has it, and the page tables do not.
    var isCached = false

    var end: UInt64 { page &+ count }
  }

  /// One past the highest page of a process. Source: arch/x86/include/asm/page_64_types.h, TASK_SIZE_MAX.
  var pageLimit: UInt64 { 1 << UInt64(9 * levels - 1) }

  /// The same memory, its tables read through another view of the host's.
  func reading(from memory: any PhysicalMemory) -> ProcessPages {
    var copy = self
    copy.memory = memory
    return copy
  }

  /// The frame behind a page.
  func frame(_ page: UInt64) -> UInt64? { if case .frames(let frame) = content(of: page) { frame } else { nil } }

  /// What stands behind a page; `nil`: nothing.
  func content(of page: UInt64) -> Run.Content? {
    var found: Run.Content?
    var counts = MapCounts()
    guard page < pageLimit else { return nil }
    walk(page..<page + 1, &counts) { run in found = run.content }
    return found
  }

  /// Hands over what a range of pages has, ascending; pages that nothing stands behind are left out. What the tables lack
  /// is not known to be nothing, so that the page cache is not asked for it: a private page may be there.
  /// - Parameter counts: tables, those that the dump lacks among them.
  func walk<E: Error>(
    _ pages: Range<UInt64>, _ counts: inout MapCounts, _ body: (Run) throws(E) -> Void
  ) throws(E) {
    let pages = pages.clamped(to: 0..<pageLimit)
    guard !pages.isEmpty else { return }
    var at = pages.lowerBound
    let hand = { (run: Run) throws(E) in
      if run.page > at { try fill(at..<run.page, body) }
      at = run.end
      try body(run)
    }
    var runs = JoinedRuns<Run>()
    try visit(root.frame, levels, base: 0, pages, &counts, &runs, hand)
    try runs.flush(hand)
    if at < pages.upperBound { try fill(at..<pages.upperBound, body) }
  }

  /// What the page tables have nothing of.
  private func fill<E: Error>(_ pages: Range<UInt64>, _ body: (Run) throws(E) -> Void) throws(E) {
    for run in mappings.runs(in: pages) { try body(run) }
  }

  private func visit<E: Error>(
    _ table: UInt64, _ level: Int, base: UInt64, _ pages: Range<UInt64>, _ counts: inout MapCounts,
    _ runs: inout JoinedRuns<Run>, _ body: (Run) throws(E) -> Void
  ) throws(E) {
    let span: UInt64 = 1 << UInt64(9 * (level - 1))
    guard counts.tables < tableLimit else { return }
    guard let page = counts.read(table, in: memory) else {
      return try add(Run(page: base, count: 512 * span, content: .unknown), pages, &runs, body)
    }
    let first = pages.lowerBound > base ? (pages.lowerBound - base) / span : 0
    let last = min(511, (pages.upperBound - 1 - base) / span)
    guard first <= last else { return }
    try page.bytes.withBytes { (bytes) throws(E) in
      for index in first...last {
        let start = base + index * span
        switch LinuxPageEntry(bytes.load(Int(index) * 8) ?? 0, level: level, frameMask: frameMask) {
        case .none: break
        case .table(let frame): try visit(frame, level - 1, base: start, pages, &counts, &runs, body)
        case .leaf(let frame, let count):
          try add(Run(page: start, count: count, content: .frames(frame)), pages, &runs, body)
        case .swap(let type, let offset):
          guard let content = swapTypes.content(type: type, offset: offset) else { continue }
          try add(Run(page: start, count: span, content: content), pages, &runs, body)
        }
      }
    }
  }

  private func add<E: Error>(
    _ run: Run, _ pages: Range<UInt64>, _ runs: inout JoinedRuns<Run>, _ body: (Run) throws(E) -> Void
  ) throws(E) {
    let start = max(run.page, pages.lowerBound)
    let end = min(run.end, pages.upperBound)
    guard start < end else { return }
    var content = run.content
    if case .frames(let frame) = content { content = .frames(frame &+ (start - run.page)) }
    let run = Run(page: start, count: end - start, content: content)
    try runs.add(run, body)
  }
}

extension ProcessPages.Run: JoinableRun {
  mutating func join(_ next: Self) -> Bool {
    guard end == next.page else { return false }
    switch (content, next.content) {
    case (.frames(let frame), .frames(let other)) where frame &+ count == other: break
    case (.absent(let reason), .absent(let other)) where reason == other: break
    case (.unknown, .unknown): break
    default: return false
    }
    count &+= next.count
    return true
  }
}

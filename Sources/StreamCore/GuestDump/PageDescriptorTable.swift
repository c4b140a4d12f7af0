/// The page descriptors of a kdump file in the making. They come in any order and are gathered, sorted and written in
/// runs, so that memory stays bounded however many there are.
struct PageDescriptorTable: Sendable {
  /// One descriptor and its place. Source: page_desc_t of makedumpfile diskdump_mod.h; page_flags is always 0.
  fileprivate struct Entry {
    var index: UInt64
    var offset: UInt64
    var size: UInt32
    var flags: UInt32
  }
  private static let size = Int(KdumpLayout.descriptorSize)
  /// Descriptors that one write or read covers at most (1.5 MiB).
  private static let perBlock: UInt64 = 65_536
  /// Descriptors between two new ones that are read and rewritten rather than skipped by one more write. Measured with
  /// the 4,194,304 pages of 16 GiB in scattered order: at a mean distance of 16 rewriting took an eighth of the system
  /// time (0.4 s against 3.3 s), at 64 it no longer paid.
  private static let worthwhileGap: UInt64 = 64

  private let file: OutputFile
  /// File offset of the table.
  private let start: UInt64
  private let capacity: Int
  private var entries: [Entry] = []
  /// The whole table, where it fits: then nothing needs to be sorted.
  private var whole: [UInt8]?

  /// - Parameters:
  ///   - count: descriptors that the table has.
  ///   - capacity: descriptors gathered, 24 bytes each.
  init(_ file: OutputFile, at start: UInt64, count: UInt64, capacity: Int) {
    self.file = file
    self.start = start
    self.capacity = max(1, capacity)
    if count <= UInt64(self.capacity) { whole = Array(repeating: 0, count: Int(count) * Self.size) }
  }

  /// - Parameters:
  ///   - index: rank of the page's frame among those in the file.
  ///   - offset: of the stored bytes in the file.
  mutating func add(index: UInt64, offset: UInt64, size: Int, encoding: PageEncoding) throws(SystemError) {
    let entry = Entry(index: index, offset: offset, size: UInt32(size), flags: encoding.rawValue)
    if whole?.store(entry, at: Int(index) * Self.size) != nil { return }
    entries.append(entry)
    if entries.count >= capacity { try flush() }
  }

  mutating func flush() throws(SystemError) {
    if let whole {
      try file.write(whole, at: start)
      self.whole = nil
      return
    }
    entries.sort { $0.index < $1.index }
    var from = 0
    while from < entries.count {
      var to = from + 1
      while to < entries.count, entries[to].index - entries[to - 1].index <= Self.worthwhileGap,
        entries[to].index - entries[from].index < Self.perBlock
      {
        to += 1
      }
      try write(entries[from..<to])
      from = to
    }
    entries.removeAll(keepingCapacity: true)
  }

  private func write(_ run: ArraySlice<Entry>) throws(SystemError) {
    guard let first = run.first, let last = run.last else { return }
    let count = Int(last.index - first.index + 1)
    let at = position(first.index)
    var bytes: [UInt8] = []
    if run.count < count { bytes = try file.read(at: at, count: count * Self.size) }
    bytes += repeatElement(0, count: count * Self.size - bytes.count)
    for entry in run {
      bytes.store(entry, at: Int(entry.index - first.index) * Self.size)
    }
    try file.write(bytes, at: at)
  }

  private func position(_ index: UInt64) -> UInt64 { start + index * KdumpLayout.descriptorSize }

  /// Closes the gaps that pages of `present` which are not in `kept` leave, and clears what the table no longer needs.
  /// Needs `flush()`.
  func compact(_ present: FrameBitmap, keeping kept: FrameBitmap) throws(SystemError) {
    var target = SequentialWriter(file, at: start)
    var block = Block()
    try kept.writeEachRun { run throws(SystemError) in
      var index = present.rank(run.lowerBound)
      let end = index + (run.upperBound - run.lowerBound)
      while index < end {
        if !block.range.contains(index) { block = try load(index, of: present.count) }
        let take = min(end, block.range.upperBound)
        let from = Int(index - block.range.lowerBound) * Self.size
        try target.write(Array(block.bytes[from..<Int(take - block.range.lowerBound) * Self.size]))
        index = take
      }
    }
    var left = (present.count - kept.count) * KdumpLayout.descriptorSize
    while left > 0 {
      let count = min(left, Self.perBlock * KdumpLayout.descriptorSize)
      try target.write(Array(repeating: 0, count: Int(count)))
      left -= count
    }
    try target.flush()
  }

  /// Descriptors in memory.
  private struct Block {
    var range: Range<UInt64> = 0..<0
    var bytes: [UInt8] = []
  }

  private func load(_ index: UInt64, of count: UInt64) throws(SystemError) -> Block {
    let range = index..<min(count, index + Self.perBlock)
    var bytes = try file.read(at: position(index), count: range.count * Self.size)
    bytes += repeatElement(0, count: range.count * Self.size - bytes.count)
    return Block(range: range, bytes: bytes)
  }
}

extension [UInt8] {
  fileprivate mutating func store(_ entry: PageDescriptorTable.Entry, at place: Int) {
    store(entry.offset, at: place)
    store(entry.size, at: place + 8)
    store(entry.flags, at: place + 12)
  }
}

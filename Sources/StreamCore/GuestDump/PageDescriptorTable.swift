/// The page descriptors of a kdump file in the making, which come in any order. A table that fits into memory is kept
/// there whole; else descriptors are gathered, sorted and written in runs, so that memory stays bounded however many
/// there are.
struct PageDescriptorTable: Sendable {
  /// A descriptor and its place in the table.
  private struct Entry {
    var index: UInt64
    var descriptor: PackedDescriptor
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
  private var whole: [PackedDescriptor]?

  /// - Parameters:
  ///   - count: descriptors that the table has.
  ///   - memory: bytes for what is gathered.
  init(_ file: OutputFile, at start: UInt64, count: UInt64, memory: Int) {
    self.file = file
    self.start = start
    // Sorting takes half as much again.
    capacity = max(1, memory / (MemoryLayout<Entry>.stride + MemoryLayout<Entry>.stride / 2))
    if count <= UInt64(max(0, memory) / MemoryLayout<PackedDescriptor>.stride) {
      whole = Array(repeating: PackedDescriptor(), count: Int(count))
    }
  }

  /// - Parameters:
  ///   - index: rank of the page's frame among those in the file.
  ///   - offset: of the stored bytes in the file, below `KdumpLayout.limit`.
  ///   - size: 1 to 4096.
  mutating func add(index: UInt64, offset: UInt64, size: Int, codec: PageCodec) throws(SystemError) {
    let descriptor = PackedDescriptor(offset: offset, size: size, codec: codec)
    if whole != nil {
      whole?[Int(index)] = descriptor
      return
    }
    entries.append(Entry(index: index, descriptor: descriptor))
    if entries.count >= capacity { try flush() }
  }

  mutating func flush() throws(SystemError) {
    if let whole {
      self.whole = nil
      var index = 0
      while index < whole.count {
        let block = whole[index..<min(whole.count, index + Int(Self.perBlock))]
        try file.write(FilePart(offset: position(UInt64(index)), bytes: Self.bytes(block)))
        index += block.count
      }
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

  /// Descriptors as the file has them.
  private static func bytes(_ descriptors: ArraySlice<PackedDescriptor>) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: descriptors.count * size)
    for (place, descriptor) in descriptors.enumerated() { descriptor.store(into: &bytes, at: place * size) }
    return bytes
  }

  private func write(_ run: ArraySlice<Entry>) throws(SystemError) {
    guard let first = run.first, let last = run.last else { return }
    let count = Int(last.index - first.index + 1)
    let at = position(first.index)
    var bytes: [UInt8] = []
    if run.count < count { bytes = try file.read(at: at, count: count * Self.size) }
    bytes += repeatElement(0, count: count * Self.size - bytes.count)
    for entry in run { entry.descriptor.store(into: &bytes, at: Int(entry.index - first.index) * Self.size) }
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

/// A page descriptor in 8 bytes: offset, size less one, and codec. All zeros: none.
private struct PackedDescriptor {
  private static let sizeBits: UInt64 = 12
  /// Flags of a page descriptor that are in use. Source: makedumpfile diskdump_mod.h.
  private static let flagBits: UInt64 = 6

  private var bits: UInt64 = 0

  init() {}

  init(offset: UInt64, size: Int, codec: PageCodec) {
    bits = (offset << Self.sizeBits | UInt64(size - 1)) << Self.flagBits | UInt64(codec.kdumpFlags)
  }

  /// As the file has it; page_flags is always 0. Source: page_desc_t of makedumpfile diskdump_mod.h.
  func store(into bytes: inout [UInt8], at place: Int) {
    guard bits != 0 else { return }
    bytes.store(bits >> (Self.sizeBits + Self.flagBits), at: place)
    bytes.store(UInt32(bits >> Self.flagBits & (1 << Self.sizeBits - 1)) + 1, at: place + 8)
    bytes.store(UInt32(bits & (1 << Self.flagBits - 1)), at: place + 12)
  }
}

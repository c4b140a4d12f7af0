import Synchronization

/// The page descriptor table of a kdump-compressed file. Source: Documentation/kdump-compressed.md §5, §8.
struct KdumpDescriptors: Sendable {
  static let size: UInt64 = 24
  /// Descriptors that the check of the table's length looks at.
  private static let sample: UInt64 = 4096

  let fileSize: UInt64
  /// The file, where bytes below `fileSize` are missing.
  private let cut: InputFile?
  /// Which of the source's files this is.
  private let file: UInt16
  /// File offset of the table, and how many descriptors the second bitmap asks for.
  let start: UInt64
  let count: UInt64
  let oddities = KdumpOddities()

  init(_ input: DumpInput, start: UInt64, count: UInt64) {
    fileSize = input.file.size
    cut = input.file.isCut ? input.file : nil
    file = input.index
    self.start = start
    self.count = count
  }

  /// One past the table.
  var end: UInt64 { start + count * Self.size }

  /// The descriptor at `at` of `table`, bytes that begin at `base` of the file, as far as it can be used.
  @inline(__always)
  func entry(_ frame: UInt64, _ table: RawSpan, _ at: Int, base: UInt64) -> StoredEntry {
    if let words = table.loadPair(at), let page = page(frame, words) { return .page(page) }
    return faulty(frame, table, at, base: base)
  }

  /// The page of a descriptor by its first two quadwords, `nil` where it cannot be used. (0, 0) is none that can.
  @inline(__always)
  func page(_ frame: UInt64, _ words: (offset: UInt64, sizeAndFlags: UInt64)) -> StoredPage? {
    guard let page = named(frame, words), page.offset < fileSize, UInt64(page.size) <= fileSize - page.offset,
      cut.map({ Self.has(page.offset, page.size, in: $0) }) ?? true
    else { return nil }
    return page
  }

  private static func has(_ offset: UInt64, _ size: UInt32, in file: InputFile) -> Bool {
    file.held(from: offset, count: UInt64(size)) == UInt64(size)
  }

  /// The page of a descriptor, in the file or past its end.
  @inline(__always)
  private func named(_ frame: UInt64, _ words: (offset: UInt64, sizeAndFlags: UInt64)) -> StoredPage? {
    guard let codec = PageCodec(kdumpFlags: UInt32(truncatingIfNeeded: words.sizeAndFlags >> 32)) else {
      return nil
    }
    let size = UInt32(truncatingIfNeeded: words.sizeAndFlags)
    guard size <= UInt32(pageSize), words.offset >= start, codec == .raw ? size == UInt32(pageSize) : size > 0 else {
      return nil
    }
    return StoredPage(frame: frame, file: file, offset: words.offset, size: size, codec: codec)
  }

  /// What is wrong with a descriptor that `page` does not take: as `entry`, without the words for it.
  func kind(_ words: (offset: UInt64, sizeAndFlags: UInt64)?) -> PageFault.Kind {
    words.map { $0.offset == 0 } ?? true ? .lost : .bad
  }

  /// Why the descriptor cannot be used, checked in the order of Documentation/kdump-compressed.md §5.
  private func faulty(_ frame: UInt64, _ table: RawSpan, _ at: Int, base: UInt64) -> StoredEntry {
    let place = base + UInt64(at)
    func fault(_ kind: PageFault.Kind, _ reason: String) -> StoredEntry {
      .fault(PageFault(kind, frame: frame, offset: place, reason: reason))
    }
    func bad(_ reason: String) -> StoredEntry { fault(.bad, reason) }
    guard let offset: UInt64 = table.load(at), let size: UInt32 = table.load(at + 8),
      let flags: UInt32 = table.load(at + 12)
    else { return fault(.lost, "descriptor past the end of the file") }

    if offset == 0 { return fault(.lost, "descriptor never written") }
    guard let codec = PageCodec(kdumpFlags: flags) else { return bad("flags \(hex(flags)) name no codec") }
    if codec == .raw {
      guard size == UInt32(pageSize) else { return bad("raw page of \(size) bytes") }
    } else {
      guard size >= 1, size <= UInt32(pageSize) else { return bad("\(codec.name) page of \(size) bytes") }
    }
    guard offset >= start else { return bad("offset \(hex(offset)) lies in headers or bitmaps") }
    let (end, overflow) = offset.addingReportingOverflow(UInt64(size))
    guard !overflow, end <= fileSize else { return bad("data at \(hex(offset)) past the end of the file") }
    if let cut, !Self.has(offset, size, in: cut) { return bad("data at \(hex(offset)) in what the file lacks") }
    return .page(StoredPage(frame: frame, file: file, offset: offset, size: size, codec: codec))
  }

  /// Looks at pages in the order of their frames for places where no writer puts them, to say so once they have been
  /// read.
  struct Neighbours {
    private let descriptors: KdumpDescriptors
    private var last: StoredPage?
    private var inTable: UInt64 = 0
    private var overlapping: UInt64 = 0

    init(_ descriptors: KdumpDescriptors) { self.descriptors = descriptors }

    @inline(__always)
    mutating func add(_ page: StoredPage) {
      if page.offset < descriptors.end { inTable += 1 }
      if let last, last.offset != page.offset, page.offset < last.offset + UInt64(last.size),
        last.offset < page.offset + UInt64(page.size)
      {
        overlapping += 1
      }
      last = page
    }

    func report() {
      if inTable > 0 { descriptors.oddities.inTable.wrappingAdd(inTable, ordering: .relaxed) }
      if overlapping > 0 { descriptors.oddities.overlapping.wrappingAdd(overlapping, ordering: .relaxed) }
    }
  }

  /// Every writer puts the data right behind the table, so the first data say how many descriptors there are. One wrong
  /// bit in the bitmap makes every page behind it another page: such a file is refused, where it can be told.
  /// - Returns: the descriptors that the file has, where they are not as many as the bitmap says.
  func trueCount(in input: DumpInput) throws(HostDumpError) -> UInt64? {
    let known = min(count, Self.sample)
    let pages = try self.pages(in: input, at: start, count: known)
    guard let first = pages.min(by: { $0.offset < $1.offset }), first.offset != end,
      first.offset > start, (first.offset - start) % Self.size == 0,
      // One damaged descriptor proves nothing: the page that was written next must be there, too.
      pages.contains(where: { $0.offset == first.offset + UInt64(first.size) })
    else { return nil }
    let found = (first.offset - start) / Self.size
    if found < count { return found }
    // Our own writer leaves room behind the table when it drops bad pages: zeros, no descriptors.
    let more = min(found - count, Self.sample)
    let behind = try self.pages(in: input, at: end, count: more)
    return behind.count == Int(more) && behind.allSatisfy { $0.offset >= first.offset } ? found : nil
  }

  /// Descriptors at the table's end are looked through until some say where the data end, this many times at most: the
  /// last pages of a host can all be zero, which share one place.
  private static let tailLimit: UInt64 = 64

  /// Data stand in the order of their pages, so the last descriptors say where they end.
  /// - Returns: bytes that the file would have at least, where it has fewer.
  func missingEnd(in input: DumpInput) throws(HostDumpError) -> UInt64? {
    guard cut == nil else { return nil }
    guard end <= fileSize else { return end }
    var rest = count
    for _ in 0..<Self.tailLimit where rest > 0 {
      let take = min(rest, Self.sample)
      rest -= take
      let table = try input.header(at: start + rest * Self.size, count: Int(take * Self.size))
      let places = table.withBytes { span in
        stride(from: 0, to: table.count, by: Int(Self.size)).compactMap { at -> Range<UInt64>? in
          guard let page = span.loadPair(at).flatMap({ named(0, $0) }), page.offset <= UInt64(Int64.max) else {
            return nil
          }
          return page.offset..<page.offset + UInt64(page.size)
        }
      }
      guard let first = places.first, places.contains(where: { $0 != first }) else { continue }
      // One damaged descriptor proves nothing: a neighbour in the file must be there, too.
      let begins = Set(places.map(\.lowerBound))
      let ends = Set(places.map(\.upperBound))
      let last = places.filter { begins.contains($0.upperBound) || ends.contains($0.lowerBound) }.map(\.upperBound)
        .max()
      return last.flatMap { $0 > fileSize ? $0 : nil }
    }
    return nil
  }

  private func pages(in input: DumpInput, at offset: UInt64, count: UInt64) throws(HostDumpError) -> [StoredPage] {
    let table = try input.header(at: offset, count: Int(count * Self.size))
    return table.withBytes { span in
      stride(from: 0, to: table.count, by: Int(Self.size)).compactMap { at in
        if case .page(let page) = entry(0, span, at, base: offset) { page } else { nil }
      }
    }
  }
}

/// Odd descriptors that were met so far. They are read nonetheless: pages are independent of each other.
final class KdumpOddities: Sendable {
  /// Pages inside the descriptor table.
  fileprivate let inTable = Atomic<UInt64>(0)
  /// Neighbours that share some bytes and not all.
  fileprivate let overlapping = Atomic<UInt64>(0)

  var remarks: [Remark] {
    var remarks: [Remark] = []
    if inTable.load(ordering: .relaxed) > 0 { remarks.append(.damage("page descriptors point into their own table")) }
    if overlapping.load(ordering: .relaxed) > 0 { remarks.append(.damage("page descriptors overlap each other")) }
    return remarks
  }
}

/// Looks at the heads of one stretch of frames after the other: one for each worker.
final class StretchScanner {
  /// What one stretch holds.
  struct Found: Sendable {
    var regions: [(frame: UInt64, revision: UInt32)] = []
    var vmcbs: [UInt64] = []
    var vmcoreinfo: [UInt64] = []
    var scanned: UInt64 = 0
    var bad: UInt64 = 0
    /// Places that cannot be followed, which `bad` has as well.
    var faults: UInt64 = 0

    fileprivate mutating func add(_ look: Look, _ frame: UInt64) {
      switch look {
      case .dull: break
      case .region(let revision): regions.append((frame, revision))
      case .vmcb: vmcbs.append(frame)
      case .vmcoreinfo: vmcoreinfo.append(frame)
      case .bad: bad += 1
      }
    }
  }

  /// Where several frames have their page.
  private struct SharedPage: Hashable {
    let file: UInt16
    let offset: UInt64
    let size: UInt32
    let codec: PageCodec

    init(_ page: StoredPage) {
      file = page.file
      offset = page.offset
      size = page.size
      codec = page.codec
    }
  }

  fileprivate enum Look {
    case dull
    case region(revision: UInt32)
    case vmcb
    case vmcoreinfo
    case bad
  }

  /// Pages between the one that is looked at and the one whose cache line is asked for.
  private static let lead = 16
  /// The system maps 2^16 bytes of a file at once. Source: Linux, fault_around_bytes.
  private static let mappedShift: UInt64 = 16

  private let input: DumpInput
  private let test: HeadTest
  private var batch = PageBatch()
  /// Where the shared zero page lies, or another that many frames share and that is of no interest.
  private var dull: StoredPage?
  /// The stretch of the file that was mapped last, and what was read to have it mapped.
  private var mapped = UInt64.max
  private var touched: UInt8 = 0

  init(_ input: DumpInput, _ test: HeadTest) {
    self.input = input
    self.test = test
  }

  func scan(_ dump: any HostDump, _ frames: Range<UInt64>, _ decoder: PageDecoder) throws -> Found {
    try dump.load(frames, into: &batch)
    var found = Found()
    found.scanned = batch.count
    found.bad = batch.faults
    found.faults = batch.faults
    let (shared, asked) = try look(decoder, &found)
    if !shared.isEmpty { try addSharers(dump, frames, shared, &found) }
    input.counters.add(asked, .heads)
    try input.source.check()
    return found
  }

  /// Looks at the batch's pages.
  /// - Returns: what is of interest and stands for several frames, by offset; bytes asked for.
  private func look(_ decoder: PageDecoder, _ found: inout Found) throws -> ([SharedPage: Look], Int) {
    var ofInterest: [SharedPage: Look] = [:]
    var asked = 0
    let pages = batch.pages
    var shared = batch.shared[...]
    var file = input.file
    var fileIndex: UInt16 = 0
    if input.source.files.count > 1 { forgetFile() }
    for index in pages.indices {
      let page = pages[index]
      if page.file != fileIndex {
        fileIndex = page.file
        file = input.source.files[Int(fileIndex)]
        forgetFile()
      }
      if index &+ Self.lead < pages.count {
        let next = pages[index &+ Self.lead]
        if next.file == fileIndex { prepare(next, file) }
      }
      let isShared = shared.first == index
      if isShared { shared = shared.dropFirst() }
      if dull?.sharesBytes(with: page) ?? false || !StoredSizeLimit.allows(page) { continue }
      let look = try look(page, file, decoder, &asked)
      found.add(look, page.frame)
      guard isShared else { continue }
      if case .dull = look { dull = page } else { ofInterest[SharedPage(page)] = look }
    }
    return (ofInterest, asked)
  }

  /// What was learned of offsets holds in one file.
  private func forgetFile() {
    dull = nil
    mapped = .max
  }

  /// Has a page's cache line loaded. Only what is mapped can be, so each stretch is touched once.
  @inline(__always)
  private func prepare(_ page: StoredPage, _ file: InputFile) {
    guard StoredSizeLimit.allows(page), page.offset != dull?.offset else { return }
    if page.offset >> Self.mappedShift != mapped {
      mapped = page.offset >> Self.mappedShift
      touched ^= file.touch(page.offset)
    } else {
      file.prefetch(at: page.offset)
    }
  }

  @inline(__always)
  private func look(
    _ page: StoredPage, _ file: InputFile, _ decoder: PageDecoder, _ asked: inout Int
  ) throws -> Look {
    let size = Int(page.size)
    // Of the first three the first bytes nearly always hold the head. Source: Documentation/codecs.md §2.
    let count =
      switch page.codec {
      case .raw: HeadTest.size
      case .lzo, .snappy: min(size, 64)
      case .zlib, .zstd: size
      }
    asked += count
    var result: HeadResult? = try file.lend(at: page.offset, count: count) { stored in
      if let first = decoder.firstByte(stored, page.codec), !test.canBegin(with: first) { return nil }
      return try decoder.head(stored, page.codec, storedSize: size)
    }
    if result == .needsMore {
      asked += size - count
      result = try file.lend(at: page.offset, count: size) { try decoder.head($0, page.codec) }
    }
    guard let result else { return .dull }
    guard case .head(let head) = result else { return .bad }
    if StoredSizeLimit.allowsRegion(page), test.isRegion(head) {
      return .region(revision: UInt32(truncatingIfNeeded: head.low) & 0x7fff_ffff)
    }
    if StoredSizeLimit.allowsRegion(page), test.isVMCB(head) { return .vmcb }
    return test.isVMCoreInfo(head) ? .vmcoreinfo : .dull
  }

  /// Adds the frames behind the first that share a page of interest.
  private func addSharers(
    _ dump: any HostDump, _ frames: Range<UInt64>, _ shared: [SharedPage: Look], _ found: inout Found
  ) throws {
    var last: StoredPage?
    try dump.visit(
      frames,
      page: { page in
        defer { last = page }
        guard let before = last, before.sharesBytes(with: page), let look = shared[SharedPage(page)] else { return }
        found.add(look, page.frame)
      }, fault: { _ in })
  }
}

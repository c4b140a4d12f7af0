import Synchronization

/// One pass over the heads of all stored pages: which frames could begin a VMCS region, and which could begin a guest
/// kernel's VMCOREINFO. Only marks are kept, one bit a frame: a guest can fill its RAM with heads.
public struct HeadScan: Sendable {
  /// Frames whose first dword is a revision id in question and whose second can be an abort indicator.
  public var regions = FrameBitmap()
  /// Frames that begin as a VMCOREINFO note, or as its text, does.
  public var vmcoreinfo = FrameBitmap()
  /// How many of the regions' frames have each revision id (bits 30:0).
  public var revisions: [UInt32: UInt64] = [:]
  public var pagesScanned: UInt64 = 0
  /// Pages whose stored bytes cannot be used.
  public var badPages: UInt64 = 0
  public var workers = 0

  /// - Parameter heads: revision ids of the layouts in question (bit 31, shadow VMCS, is ignored), each with the bits
  /// of   bytes 8 to 15 that are 0 in a region with it.
  public static func run(
    _ dump: any HostDump, heads: [UInt32: UInt64], decoders: DecoderPool, workers: Workers, progress: Progress
  ) throws -> HeadScan {
    let stretches = dump.stretches
    progress.begin(.scan, total: dump.summary.storedPages)
    let whole = Mutex(HeadScan())
    let test = HeadTest(heads)
    let used = try workers.forEach(stretches.count) { _, item in
      var found = Found()
      try decoders.borrow { decoder in
        try found.scan(dump, stretches[item], test, decoder)
      }
      let part = found
      whole.withLock { $0.add(part) }
      progress.advance(part.scanned)
    }
    return whole.withLock { scan in
      scan.workers = used
      scan.regions.freeze()
      scan.vmcoreinfo.freeze()
      return scan
    }
  }

  private mutating func add(_ found: Found) {
    for frame in found.regions { regions.insert(frame) }
    for frame in found.vmcoreinfo { vmcoreinfo.insert(frame) }
    revisions.merge(found.revisions, uniquingKeysWith: +)
    pagesScanned += found.scanned
    badPages += found.bad
  }
}

/// What a page's first 16 bytes say.
struct HeadTest: Sendable {
  /// Most abort indicators that exist. Source: SDM vol. 3, 28.7.
  private static let abortLimit: UInt32 = 16
  /// n_namesz 11, n_descsz, n_type 0, then "VMCO": the start of a VMCOREINFO note.
  private static let noteName: UInt32 = 11
  private static let noteText: UInt32 = 0x4f43_4d56
  private static let noteLimit: UInt32 = 4096
  /// The text alone, as `vmcoreinfo_data` holds it.
  private static let dataText: UInt64 = 0x5341_454c_4552_534f  // "OSRELEAS"

  /// A region with every field of the layout that has most set to random bytes is stored in fewer bytes than this by
  /// any codec; real ones take a quarter. Source: vmx/invariants.md §12. Raw pages are never ruled out.
  static let regionLimit: UInt32 = 2560

  @inline(__always)
  static func canBeRegion(_ page: StoredPage) -> Bool { page.encoding == .raw || page.size <= regionLimit }

  /// Stored bytes that nearly always hold a head; zlib and zstd have their tables before it. Source: formats/libs.md
  /// §2.
  @inline(__always)
  static func prefix(of encoding: PageEncoding) -> Int {
    switch encoding {
    case .raw: 16
    case .lzo, .snappy: 64
    case .zlib, .zstd: pageSize
    }
  }

  private let heads: [UInt32: UInt64]
  /// One bit for each value of the id's low six bits: most pages end here.
  private let filter: UInt64

  init(_ heads: [UInt32: UInt64]) {
    self.heads = heads
    filter = heads.keys.reduce(0) { $0 | 1 << UInt64($1 & 63) }
  }

  @inline(__always)
  func isRegion(_ head: PageHead) -> Bool {
    let id = UInt32(truncatingIfNeeded: head.low) & 0x7fff_ffff
    guard filter >> UInt64(id & 63) & 1 == 1, UInt32(truncatingIfNeeded: head.low >> 32) < Self.abortLimit else {
      return false
    }
    guard let zeros = heads[id] else { return false }
    return head.high & zeros == 0
  }

  @inline(__always)
  func isVMCoreInfo(_ head: PageHead) -> Bool {
    if head.low == Self.dataText { return true }
    let size = UInt32(truncatingIfNeeded: head.low >> 32)
    return UInt32(truncatingIfNeeded: head.low) == Self.noteName && size >= 1 && size <= Self.noteLimit
      && UInt32(truncatingIfNeeded: head.high) == 0 && UInt32(truncatingIfNeeded: head.high >> 32) == Self.noteText
  }
}

/// What one stretch holds.
private struct Found {
  var regions: [UInt64] = []
  var vmcoreinfo: [UInt64] = []
  var revisions: [UInt32: UInt64] = [:]
  var scanned: UInt64 = 0
  var bad: UInt64 = 0

  mutating func scan(
    _ dump: any HostDump, _ frames: Range<UInt64>, _ test: HeadTest, _ decoder: PageDecoder
  ) throws {
    let file = dump.file
    var asked = 0
    // The shared zero page stands behind many frames; it is looked at once in a row.
    var dull = UInt64.max
    try dump.visit(
      frames,
      page: { page in
        scanned += 1
        if page.offset == dull { return }
        let count = min(Int(page.size), HeadTest.prefix(of: page.encoding))
        asked += count
        var result = try file.lend(at: page.offset, count: count) {
          decoder.head($0, page.encoding, storedSize: Int(page.size))
        }
        if result == .needsMore {
          asked += Int(page.size) - count
          result = try file.lend(at: page.offset, count: Int(page.size)) { decoder.head($0, page.encoding) }
        }
        guard case .head(let head) = result else {
          bad += 1
          return
        }
        dull = note(head, page, test) ? .max : page.offset
      }, fault: { _ in bad += 1 })
    file.counters.add(asked, .heads)
    try file.checkIntact()
  }

  /// - Returns: whether the head is worth a mark.
  @inline(__always)
  private mutating func note(_ head: PageHead, _ page: StoredPage, _ test: HeadTest) -> Bool {
    let isRegion = HeadTest.canBeRegion(page) && test.isRegion(head)
    if isRegion {
      regions.append(page.frame)
      revisions[UInt32(truncatingIfNeeded: head.low) & 0x7fff_ffff, default: 0] += 1
    }
    let isVMCoreInfo = test.isVMCoreInfo(head)
    if isVMCoreInfo { vmcoreinfo.append(page.frame) }
    return isRegion || isVMCoreInfo
  }
}

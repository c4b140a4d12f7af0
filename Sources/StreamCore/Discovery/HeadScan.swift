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

  /// - Parameter revisionIDs: of the layouts in question; bit 31 (shadow VMCS) is ignored.
  public static func run(
    _ dump: any HostDump, revisionIDs: Set<UInt32>, decoders: DecoderPool, workers: Workers, progress: Progress
  ) throws -> HeadScan {
    let stretches = dump.stretches
    progress.begin(.scan, total: dump.summary.storedPages)
    let whole = Mutex(HeadScan())
    let test = HeadTest(revisionIDs: revisionIDs)
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
private struct HeadTest: Sendable {
  /// Most abort indicators that exist. Source: SDM vol. 3, 28.7.
  private static let abortLimit: UInt32 = 16
  /// n_namesz 11, n_descsz, n_type 0, then "VMCO": the start of a VMCOREINFO note.
  private static let noteName: UInt32 = 11
  private static let noteText: UInt32 = 0x4f43_4d56
  private static let noteLimit: UInt32 = 4096
  /// The text alone, as `vmcoreinfo_data` holds it.
  private static let dataText: UInt64 = 0x5341_454c_4552_534f  // "OSRELEAS"

  private let revisionIDs: Set<UInt32>
  /// One bit for each value of the id's low six bits: most pages end here.
  private let filter: UInt64

  init(revisionIDs: Set<UInt32>) {
    self.revisionIDs = revisionIDs
    filter = revisionIDs.reduce(0) { $0 | 1 << UInt64($1 & 63) }
  }

  @inline(__always)
  func isRegion(_ head: PageHead) -> Bool {
    let id = UInt32(truncatingIfNeeded: head.low) & 0x7fff_ffff
    guard filter >> UInt64(id & 63) & 1 == 1, UInt32(truncatingIfNeeded: head.low >> 32) < Self.abortLimit else {
      return false
    }
    return revisionIDs.contains(id)
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
    var pages: [StoredPage] = []
    for entry in try dump.entries(in: frames) {
      if case .page(let page) = entry { pages.append(page) } else { bad += 1 }
    }
    var reader = StoredReader(dump.file, for: .heads)
    try reader.read(pages) { index, stored in
      scanned += 1
      guard case .head(let head) = decoder.head(stored, pages[index].encoding) else {
        bad += 1
        return
      }
      if test.isRegion(head) {
        regions.append(pages[index].frame)
        revisions[UInt32(truncatingIfNeeded: head.low) & 0x7fff_ffff, default: 0] += 1
      }
      if test.isVMCoreInfo(head) { vmcoreinfo.append(pages[index].frame) }
    }
  }
}

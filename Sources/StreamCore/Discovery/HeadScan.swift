import Synchronization

/// One pass over the heads of all stored pages: which frames could begin a VMCS region or a VMCB, and which could begin a
/// guest kernel's VMCOREINFO. Only marks are kept, one bit a frame: a guest can fill its RAM with heads.
struct HeadScan: Sendable {
  /// Frames whose first dword is a revision id in question and whose second can be an abort indicator.
  var regions = FrameBitmap()
  /// Frames that begin as a VMCB of KVM does.
  var vmcbs = FrameBitmap()
  /// Frames that begin as a VMCOREINFO note, or as its text, does.
  var vmcoreinfo = FrameBitmap()
  /// How many of the regions' frames have each revision id (bits 30:0).
  var revisions: [UInt32: UInt64] = [:]
  /// Every page was looked at; else only those that were named.
  private(set) var isOfAllPages = true
  var pagesScanned: UInt64 = 0
  /// Pages whose stored bytes cannot be used, as far as their heads tell.
  var badPages: UInt64 = 0
  /// Those of them whose place in the dump cannot be followed; `nil`: not all places were looked at.
  var faults: UInt64?
  var workers = 0

  /// No pass at all where the frames of all regions are named.
  static func run(
    _ dump: any HostDump, _ memory: any PhysicalMemory, named regions: FrameBitmap?, heads: [UInt32: UInt64],
    decoders: DecoderPool, workers: Workers, progress: Progress, isPlain: Bool
  ) throws -> HeadScan {
    if let regions { return HeadScan(regions: regions, in: memory) }
    return try run(
      dump, heads: heads, decoders: decoders, workers: workers, progress: progress, isPlain: isPlain)
  }

  /// - Parameter heads: revision ids of the layouts in question (bit 31, shadow VMCS, is ignored), each with the bits
  ///   of bytes 8 to 15 that are 0 in a region with it.
  static func run(
    _ dump: any HostDump, heads: [UInt32: UInt64], decoders: DecoderPool, workers: Workers, progress: Progress,
    isPlain: Bool = false
  ) throws -> HeadScan {
    if isPlain { return try plain(dump, heads: heads, decoders: decoders, cancellation: workers.cancellation) }
    let stretches = dump.stretches
    progress.begin(.scan, total: dump.summary.storedPages)
    let whole = Mutex(HeadScan())
    let test = HeadTest(heads)
    let scanners = ContextPool { StretchScanner(dump.input, test) }
    let used = try workers.forEach(stretches.count) { _, item in
      let part = try scanners.borrow { scanner in
        try decoders.borrow { decoder in try scanner.scan(dump, stretches[item], decoder) }
      }
      whole.withLock { $0.add(part) }
      progress.advance(part.scanned)
    }
    return whole.withLock { scan in
      scan.workers = used
      scan.regions.freeze()
      scan.vmcbs.freeze()
      scan.vmcoreinfo.freeze()
      return scan
    }
  }

  private init(regions: FrameBitmap, in memory: any PhysicalMemory) {
    self.regions = regions
    isOfAllPages = false
    regions.forEachRun { run in
      for frame in run {
        guard let page = memory.page(frame).page else { continue }
        revisions[page.revisionID, default: 0] += 1
      }
    }
  }

  init() {}

  mutating func add(_ found: StretchScanner.Found) {
    for (frame, revision) in found.regions {
      regions.insert(frame)
      revisions[revision, default: 0] += 1
    }
    for frame in found.vmcbs { vmcbs.insert(frame) }
    for frame in found.vmcoreinfo { vmcoreinfo.insert(frame) }
    pagesScanned += found.scanned
    badPages += found.bad
    faults = (faults ?? 0) + found.faults
  }
}

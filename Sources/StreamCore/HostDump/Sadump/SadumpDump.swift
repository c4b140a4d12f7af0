/// sadump, the dump that a server's firmware writes without the kernel: raw pages in the order of their frames behind a
/// bitmap of those that are there. It has no notes: the host's VMCOREINFO has to be found in its memory. Source:
/// Documentation/sadump.md.
struct SadumpDump: HostDump {
  let input: DumpInput
  let summary: HostDumpSummary
  let notes: [Note] = []
  let vmcoreinfo: VMCoreInfo? = nil
  let remarks: [Remark]
  let stretches: [Range<UInt64>]
  let isDiskSet: Bool
  private let maxMapnr: UInt64
  /// Frames whose pages the dump has.
  private let dumped: FrameBitmap
  private let known: FileBitmap
  /// Where the dumped pages lie; ascending by their ranks among these.
  private let extents: [SadumpExtent]

  /// Opens the files of `input`, of which the first begins as sadump does.
  /// - Throws: when a header field cannot be right, or files are no volumes of one set.
  init(_ input: DumpInput) throws(HostDumpError) {
    let volumes = try SadumpVolumes(input)
    let input = volumes.input
    let header = try SadumpHeader(input, at: volumes.headerOffset)
    let bitmap = FileBitmap(input, offset: header.dumpableBitmap, .mostFirst)
    let known = FileBitmap(input, offset: header.memoryBitmap, .mostFirst)
    let dumped = try bitmap.frames(in: 0..<header.maxMapnr)
    func bitmapError(_ place: UInt64, expected: String, found: String) -> HostDumpError {
      .format(
        FormatError(
          file: input.path, offset: header.dumpableBitmap + place, field: "dumpable bitmap", expected: expected,
          found: found))
    }
    let strays = try known.strays(of: dumped)
    if let first = strays.first {
      throw bitmapError(
        first / 8, expected: "pages of the memory bitmap only",
        found:
          "\(strays.count) \(strays.count == 1 ? "other" : "others"), the first at pfn \(hex(first)); one of the bitmaps "
          + "is damaged and nothing can say which page is whose: copy the dump again")
    }
    let placed = try SadumpExtent.all(of: volumes, header, count: dumped.count)
    var remarks = input.remarks + volumes.remarks + header.remarks
    switch placed.agreement {
    case .agreed: break
    case .otherPages(let pages):
      throw bitmapError(
        0, expected: "\(pages) pages, as used_device and written_blocks say",
        found: "\(dumped.count) bits below max_mapnr")
    case .otherSize(let bytes):
      remarks.append(
        .damage(
          "used_device is \(bytes) bytes, and the dump's headers and pages take "
            + "\(placed.headerBytes + dumped.count * UInt64(pageSize))"))
    }
    for cut in placed.cuts { remarks.append(.cut(cut.size, "its pages go on", to: cut.end)) }
    let held = placed.extents.reduce(0) { $0 + UInt64($1.held.count) }
    guard held > 0 else { throw bitmapError(0, expected: "at least one page in the files", found: "none") }

    self.input = input
    self.known = known
    self.dumped = dumped
    self.remarks = remarks
    extents = placed.extents.filter { !$0.held.isEmpty }
    isDiskSet = volumes.isDiskSet
    maxMapnr = header.maxMapnr
    summary = HostDumpSummary(
      format: "sadump", headerVersion: Int(header.version), codec: nil, dumpLevel: nil, frames: header.maxMapnr,
      storedPages: held,
      incomplete: held < dumped.count || input.source.files.contains(where: \.isCut))
    let all = extents
    stretches = dumped.stretches.filter { frames in
      let ranks = dumped.rank(frames.lowerBound)..<dumped.rank(frames.upperBound)
      return all.contains { $0.hasData(of: ranks, in: input.source) }
    }
  }

  /// The pages with ranks from `rank` on that lie one behind the other, or that are lost: as many as are of one kind.
  private func extent(at rank: UInt64) -> (extent: SadumpExtent?, end: UInt64) {
    let index = extents.partitioningIndex { $0.held.upperBound > rank }
    guard index < extents.count else { return (nil, .max) }
    let extent = extents[index]
    return extent.held.lowerBound <= rank ? (extent, extent.held.upperBound) : (nil, extent.held.lowerBound)
  }

  func presence(_ frame: UInt64) -> Presence { presenceRun(frame, limit: frame + 1).presence }

  /// What is RAM and not dumped may have been zero, or left out: nothing tells.
  func presenceRun(_ frame: UInt64, limit: UInt64) -> (presence: Presence, end: UInt64) {
    let run = dumped.sameRun(from: frame, limit: limit)
    if run.isIn {
      let rank = dumped.rank(frame)
      let (extent, end) = extent(at: rank)
      return (extent == nil ? .lost : .stored, min(run.end, frame + min(end - rank, run.end - frame)))
    }
    guard frame < maxMapnr else { return (.unknown, run.end) }
    let ram = known.sameRun(from: frame, limit: min(run.end, maxMapnr))
    return (ram.isIn ? .notStored : .unknown, ram.end)
  }

  func visit(
    _ frames: Range<UInt64>, page: (StoredPage) throws -> Void, fault: (PageFault) throws -> Void
  ) throws {
    var rank = dumped.rank(frames.lowerBound)
    var (extent, end) = extent(at: rank)
    try dumped.forEachRun(in: frames) { run in
      for frame in run {
        if rank >= end { (extent, end) = self.extent(at: rank) }
        if let extent {
          try page(
            StoredPage(
              frame: frame, file: extent.file, offset: extent.offset(of: rank), size: UInt32(pageSize), codec: .raw))
        }
        rank += 1
      }
    }
  }

  /// What is stored lies in the files.
  func forEachFault(in frames: Range<UInt64>, _ body: (UInt64, PageFault.Kind) throws -> Void) -> Int { 0 }
}

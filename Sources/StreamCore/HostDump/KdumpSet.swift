/// A split set (makedumpfile --split): parts with the headers, notes and bitmaps of the whole dump, each with the pages
/// of its own range of frames. Given in any order; what a missing part has is lost. Source:
/// Documentation/kdump-compressed.md §4.
struct KdumpSet: HostDump {
  let input: DumpInput
  let summary: HostDumpSummary
  let stretches: [Range<UInt64>]
  /// All parts, by their ranges; at least one.
  private let parts: [KdumpDump]
  /// Those that have frames: disjoint, ascending.
  private let holders: [KdumpDump]
  /// Frames with a page in a part that is missing.
  private let missing: FrameBitmap
  private let setRemarks: [Remark]

  var notes: [Note] { parts[0].notes }
  var vmcoreinfo: VMCoreInfo? { parts[0].vmcoreinfo }

  /// What several parts say is said once.
  var remarks: [Remark] {
    var seen: Set<Remark> = []
    return (setRemarks + parts.flatMap(\.remarks)).filter { seen.insert($0).inserted }
  }

  /// Opens the files of `input`, of which one is a part of a set.
  /// - Throws: when a file is no part, or a part of another dump, or has frames of another part.
  init(_ input: DumpInput) throws(HostDumpError) {
    let input = try Self.ascending(input)
    var parts: [KdumpDump] = []
    for index in input.source.files.indices {
      let own = input.part(index)
      let part = try KdumpDump(own, KdumpHeader(own))
      if let first = parts.first { try Self.checkSameDump(first, part) }
      parts.append(part)
    }
    self.input = input
    self.parts = parts
    holders = parts.filter { !$0.frames.isEmpty }
    for (one, next) in zip(holders, holders.dropFirst()) where one.frames.upperBound > next.frames.lowerBound {
      throw next.error(
        "start_pfn", at: 4096 + 80, expected: "frames that no other part has",
        found: "\(Self.text(next.frames)), and \(one.input.path) has \(Self.text(one.frames))")
    }
    let (missing, remarks) = try Self.missing(parts[0], holders)
    self.missing = missing
    setRemarks = remarks
    var summary = parts[0].summary
    summary.storedPages = parts.reduce(0) { $0 + $1.summary.storedPages }
    summary.incomplete = parts.contains { $0.summary.incomplete } || missing.count > 0
    self.summary = summary
    guard summary.storedPages > 0 else {
      throw parts[0].error(
        "end_pfn", at: 4096 + 88, expected: "at least one page in the parts that are given", found: "none")
    }
    // Two parts may share a window.
    var stretches: [Range<UInt64>] = []
    for stretch in holders.flatMap(\.stretches) where stretches.last != stretch { stretches.append(stretch) }
    self.stretches = stretches
  }

  /// The same files in the order of their frames, so that the order in which they were given leaves no trace.
  private static func ascending(_ input: DumpInput) throws(HostDumpError) -> DumpInput {
    var ranges: [Range<UInt64>] = []
    for index in input.source.files.indices {
      let part = input.part(index)
      guard try part.header(at: 0, count: KdumpHeader.magic.count) == KdumpHeader.magic else {
        throw .format(
          FormatError(
            file: part.path, offset: 0, field: "signature", expected: "a part of a split set, as other files are",
            found: "no kdump-compressed file"))
      }
      let header = try KdumpHeader(part)
      guard let frames = header.split else {
        throw .format(
          FormatError(
            file: part.path, offset: 4096 + 12, field: "split",
            expected: "1, a part of a split set, as other files have",
            found: "0, a dump of its own"))
      }
      ranges.append(frames)
    }
    let order = ranges.indices.sorted { one, other in
      (ranges[one].lowerBound, ranges[one].upperBound, one) < (
        ranges[other].lowerBound, ranges[other].upperBound, other
      )
    }
    return input.reordered(order)
  }

  private static func checkSameDump(_ first: KdumpDump, _ part: KdumpDump) throws(HostDumpError) {
    guard try part.isOfSameDump(as: first) else {
      throw part.error(
        "disk_dump_header", at: 0, expected: "headers, notes and bitmaps as in \(first.input.path), another part",
        found: "those of another dump")
    }
  }

  /// The frames that are in none of the parts, and where the others' ranges leave room for them.
  private static func missing(
    _ first: KdumpDump, _ holders: [KdumpDump]
  ) throws(HostDumpError) -> (FrameBitmap, [Remark]) {
    var missing = FrameBitmap()
    var gaps: [Range<UInt64>] = []
    var end: UInt64 = 0
    for range in holders.map(\.frames) + [first.summary.frames..<first.summary.frames] {
      if range.lowerBound > end {
        let lost = try first.storedFrames(in: end..<range.lowerBound)
        if lost.count > 0 {
          gaps.append(end..<range.lowerBound)
          missing.formUnion(lost)
        }
      }
      end = max(end, range.upperBound)
    }
    missing.freeze()
    return (
      missing,
      gaps.prefix(8).map { gap in
        .missingTail("a part of the split set is missing: no file has the pages of frames \(text(gap))")
      }
    )
  }

  private static func text(_ frames: Range<UInt64>) -> String {
    "\(hex(frames.lowerBound)) to \(hex(frames.upperBound - 1))"
  }

  /// Of the parts that have frames the first that ends above `frame`, by its index.
  private func index(above frame: UInt64) -> Int { holders.partitioningIndex { $0.frames.upperBound > frame } }

  private func part(of frame: UInt64) -> KdumpDump? {
    let index = index(above: frame)
    return index < holders.count && holders[index].frames.contains(frame) ? holders[index] : nil
  }

  /// The parts that have frames of `frames`, each with those that are its own.
  private func parts(in frames: Range<UInt64>) -> some Sequence<(part: KdumpDump, frames: Range<UInt64>)> {
    holders[index(above: frames.lowerBound)...].lazy
      .prefix { $0.frames.lowerBound < frames.upperBound }
      .map { ($0, $0.frames.clamped(to: frames)) }
  }

  func presence(_ frame: UInt64) -> Presence {
    if let part = part(of: frame) { return part.presence(frame) }
    return missing.contains(frame) ? .lost : parts[0].presence(frame)
  }

  func presenceRun(_ frame: UInt64, limit: UInt64) -> (presence: Presence, end: UInt64) {
    if let part = part(of: frame) { return part.presenceRun(frame, limit: min(limit, part.frames.upperBound)) }
    let next = index(above: frame)
    let gapEnd = next < holders.count ? min(limit, holders[next].frames.lowerBound) : limit
    let lost = missing.sameRun(from: frame, limit: gapEnd)
    return lost.isIn ? (.lost, lost.end) : parts[0].presenceRun(frame, limit: lost.end)
  }

  func visit(
    _ frames: Range<UInt64>, page: (StoredPage) throws -> Void, fault: (PageFault) throws -> Void
  ) throws {
    for (part, own) in parts(in: frames) { try part.visit(own, page: page, fault: fault) }
  }

  func load(_ frames: Range<UInt64>, into batch: inout PageBatch) throws {
    if let part = part(of: frames.lowerBound), part.frames.upperBound >= frames.upperBound {
      return try part.load(frames, into: &batch)
    }
    batch.clear(room: Int(min(UInt64(frames.count), HostDumpLimits.stretch)))
    try visit(frames, page: { batch.append($0) }, fault: { _ in batch.addFault() })
  }

  func entry(_ frame: UInt64) throws -> StoredEntry? { try part(of: frame)?.entry(frame) }

  func forEachFault(in frames: Range<UInt64>, _ body: (UInt64, PageFault.Kind) throws -> Void) throws -> Int {
    var asked = 0
    for (part, own) in parts(in: frames) { asked += try part.forEachFault(in: own, body) }
    return asked
  }
}

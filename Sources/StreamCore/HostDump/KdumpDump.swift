/// makedumpfile's kdump-compressed format, header versions 1 to 6. Source: makedumpfile, IMPLEMENTATION and
/// diskdump_mod.h; Documentation/kdump-compressed.md.
struct KdumpDump: HostDump {
  let input: DumpInput
  let summary: HostDumpSummary
  let notes: [Note]
  let vmcoreinfo: VMCoreInfo?
  let stretches: [Range<UInt64>]
  /// The frames whose pages the file has: all, or those of a part of a split set.
  let frames: Range<UInt64>
  private let header: KdumpHeader
  /// The second bitmap: frames that have a descriptor.
  private let stored: FrameBitmap
  private let known: FileBitmap
  private let descriptors: KdumpDescriptors
  private let openRemarks: [Remark]

  var remarks: [Remark] { openRemarks + descriptors.oddities.remarks }

  /// Opens a file that begins with the format's magic. Throws when a header field cannot be right.
  init(_ input: DumpInput, _ header: KdumpHeader) throws(HostDumpError) {
    self.input = input
    self.header = header
    frames = header.split ?? 0..<header.maxMapnr
    var remarks = input.remarks + header.remarks

    let secondBitmap = header.bitmapOffset + header.bitmapBytes
    let stored = try FileBitmap(input, offset: secondBitmap).frames(in: frames)
    func bitmapError(_ expected: String, _ found: String) -> HostDumpError {
      .format(
        FormatError(file: input.path, offset: secondBitmap, field: "2nd bitmap", expected: expected, found: found))
    }
    guard stored.count > 0 || header.split != nil else {
      throw bitmapError("at least one page in the file", "no bit set")
    }
    self.stored = stored
    known = FileBitmap(input, offset: header.bitmapOffset)

    let descriptors = KdumpDescriptors(input, start: header.tableOffset, count: stored.count)
    if let count = try descriptors.trueCount(in: input) {
      throw bitmapError("\(count) bits below max_mapnr, one for each page descriptor", "\(stored.count)")
    }
    try Self.checkAgreement(stored, known, input, secondBitmap)
    self.descriptors = descriptors

    notes = try Self.notes(header, input, &remarks)
    vmcoreinfo = try Self.vmcoreinfo(header, input, notes, &remarks)

    let missing = try descriptors.missingEnd(in: input)
    if let missing {
      let what = missing == descriptors.end ? "inside the page descriptor table, which goes on" : "its pages go on"
      remarks.append(.cut(input.file.size, what, to: missing))
    }
    if header.isIncomplete { remarks.append(.markedIncomplete) }
    summary = HostDumpSummary(
      format: "kdump-compressed", headerVersion: Int(header.version), codec: header.codec,
      dumpLevel: header.dumpLevel, frames: header.maxMapnr, storedPages: stored.count,
      incomplete: header.isIncomplete || missing != nil || input.file.isCut)
    openRemarks = remarks
    stretches = stored.stretches
  }

  /// The frames of `frames` that have a page in the whole dump, in whatever part.
  func storedFrames(in frames: Range<UInt64>) throws(HostDumpError) -> FrameBitmap {
    try FileBitmap(input, offset: header.bitmapOffset + header.bitmapBytes).frames(in: frames)
  }

  /// Whether both are parts of one dump: those have the main header, the notes and both bitmaps in common.
  func isOfSameDump(as other: KdumpDump) throws(HostDumpError) -> Bool {
    let mains = (try input.header(at: 0, count: 464), try other.input.header(at: 0, count: 464))
    guard mains.0 == mains.1, notes == other.notes, vmcoreinfo == other.vmcoreinfo,
      header.maxMapnr == other.header.maxMapnr, header.bitmapOffset == other.header.bitmapOffset
    else { return false }
    let end = header.bitmapOffset + 2 * header.bitmapBytes
    var at = header.bitmapOffset
    while let data = [self, other].compactMap({ $0.input.file.nextData(from: at) }).min(), data < end {
      let count = Int(min(1 << 20, end - data))
      let blocks = (try input.header(at: data, count: count), try other.input.header(at: data, count: count))
      guard blocks.0 == blocks.1 else { return false }
      at = data + UInt64(count)
    }
    return true
  }

  /// - Parameter offset: of the field, from the start of the file.
  func error(_ field: String, at offset: UInt64, expected: String, found: String) -> HostDumpError {
    .format(FormatError(file: input.path, offset: offset, field: field, expected: expected, found: found))
  }

  func presence(_ frame: UInt64) -> Presence {
    if stored.contains(frame) { return .stored }
    guard frame < header.maxMapnr, known.contains(frame) else { return .unknown }
    return .filtered
  }

  func presenceRun(_ frame: UInt64, limit: UInt64) -> (presence: Presence, end: UInt64) {
    let stored = stored.sameRun(from: frame, limit: limit)
    if stored.isIn { return (.stored, stored.end) }
    guard frame < header.maxMapnr else { return (.unknown, stored.end) }
    let known = known.sameRun(from: frame, limit: min(stored.end, header.maxMapnr))
    return (known.isIn ? .filtered : .unknown, known.end)
  }

  func visit(
    _ frames: Range<UInt64>, page: (StoredPage) throws -> Void, fault: (PageFault) throws -> Void
  ) throws {
    let first = stored.rank(frames.lowerBound)
    let count = Int(stored.rank(frames.upperBound) - first)
    guard count > 0 else { return }
    let base = header.tableOffset + first * KdumpDescriptors.size
    let bytes = count * Int(KdumpDescriptors.size)
    input.counters.add(bytes, .descriptors)
    var neighbours = KdumpDescriptors.Neighbours(descriptors)
    try input.file.lend(at: base, count: bytes) { table in
      var at = 0
      try stored.forEachRun(in: frames) { run in
        for frame in run {
          switch descriptors.entry(frame, table, at, base: base) {
          case .page(let stored):
            neighbours.add(stored)
            try page(stored)
          case .fault(let found): try fault(found)
          }
          at += Int(KdumpDescriptors.size)
        }
      }
    }
    neighbours.report()
    try input.source.check()
  }

  func load(_ frames: Range<UInt64>, into batch: inout PageBatch) throws {
    let first = stored.rank(frames.lowerBound)
    let count = Int(stored.rank(frames.upperBound) - first)
    batch.clear(room: count)
    guard count > 0 else { return }
    let base = header.tableOffset + first * KdumpDescriptors.size
    let bytes = count * Int(KdumpDescriptors.size)
    input.counters.add(bytes, .descriptors)
    var neighbours = KdumpDescriptors.Neighbours(descriptors)
    try input.file.lend(at: base, count: bytes) { table in
      var at = 0
      // Offset, size and flags of a descriptor that was good, as nearly all zero pages have them.
      var last: (UInt64, UInt64) = (0, 0)
      stored.forEachRun(in: frames) { run in
        for frame in run {
          let words = table.loadPair(at) ?? (0, 0)
          if words == last {
            batch.appendAgain()
          } else if let page = descriptors.page(frame, words) {
            last = words
            neighbours.add(page)
            batch.append(page)
          } else {
            last = (0, 0)
            batch.addFault()
          }
          at &+= Int(KdumpDescriptors.size)
        }
      }
    }
    neighbours.report()
    try input.source.check()
  }

  func forEachFault(
    in frames: Range<UInt64>, _ body: (UInt64, PageFault.Kind) throws -> Void
  ) throws -> Int {
    let first = stored.rank(frames.lowerBound)
    let count =
      frames.count == 1
      ? stored.contains(frames.lowerBound) ? 1 : 0 : Int(stored.rank(frames.upperBound) - first)
    guard count > 0 else { return 0 }
    let base = header.tableOffset + first * KdumpDescriptors.size
    let bytes = count * Int(KdumpDescriptors.size)
    try input.file.lend(at: base, count: bytes) { table in
      var at = 0
      try stored.forEachRun(in: frames) { run in
        for frame in run {
          let words = table.loadPair(at)
          if words.flatMap({ descriptors.page(frame, $0) }) == nil { try body(frame, descriptors.kind(words)) }
          at &+= Int(KdumpDescriptors.size)
        }
      }
    }
    return bytes
  }

  /// The caller asks whether the file is intact, once it has the page's bytes.
  func entry(_ frame: UInt64) throws -> StoredEntry? {
    guard stored.contains(frame) else { return nil }
    let place = header.tableOffset + stored.rank(frame) * KdumpDescriptors.size
    input.counters.add(Int(KdumpDescriptors.size), .descriptors)
    let entry = try input.file.lend(at: place, count: Int(KdumpDescriptors.size)) { table in
      descriptors.entry(frame, table, 0, base: place)
    }
    if case .page(let page) = entry {
      var neighbours = KdumpDescriptors.Neighbours(descriptors)
      neighbours.add(page)
      neighbours.report()
    }
    return entry
  }

  private static func notes(
    _ header: KdumpHeader, _ input: DumpInput, _ remarks: inout [Remark]
  ) throws(HostDumpError) -> [Note] {
    guard let range = header.notes else { return [] }
    let (notes, remark) = Note.parse(
      try input.header(at: range.lowerBound, count: Int(range.upperBound - range.lowerBound)))
    if let remark { remarks.append(remark) }
    remarks += notes.remarks
    return notes
  }

  /// The text at offset_vmcoreinfo, else that of the note.
  private static func vmcoreinfo(
    _ header: KdumpHeader, _ input: DumpInput, _ notes: [Note], _ remarks: inout [Remark]
  ) throws(HostDumpError) -> VMCoreInfo? {
    let fromNote = notes.vmcoreinfo
    guard let range = header.vmcoreinfo else { return fromNote }
    guard range.upperBound - range.lowerBound <= VMCoreInfo.maximumBytes,
      let direct = VMCoreInfo(
        try input.header(at: range.lowerBound, count: Int(range.upperBound - range.lowerBound)))
    else {
      remarks.append(.damage("the text at offset_vmcoreinfo is not VMCOREINFO: ignored"))
      return fromNote
    }
    if let fromNote, direct != fromNote {
      remarks.append(.damage("the VMCOREINFO note differs from the text at offset_vmcoreinfo, which counts"))
    }
    return direct
  }

  /// Throws when the second bitmap has pages that the first does not have. A bit that is set, cleared or moved in the
  /// second gives every page behind it the descriptor of another, and nothing in the file says in which of the two the
  /// damage is. No writer makes such a file: makedumpfile clears bits of a copy of the first bitmap to get the second.
  private static func checkAgreement(
    _ stored: FrameBitmap, _ known: FileBitmap, _ input: DumpInput, _ secondBitmap: UInt64
  ) throws(HostDumpError) {
    let strays = try known.strays(of: stored)
    guard let first = strays.first else { return }
    throw .format(
      FormatError(
        file: input.path, offset: secondBitmap + first / 8, field: "2nd bitmap",
        expected: "pages of the 1st bitmap only",
        found:
          "\(strays.count) other \(strays.count == 1 ? "page" : "pages"), the first at pfn \(hex(first)); one of the "
          + "bitmaps is damaged and nothing can say which page is whose: copy the dump again"))
  }
}

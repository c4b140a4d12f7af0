import Synchronization

/// makedumpfile's kdump-compressed format, header versions 1 to 6.
/// Source: makedumpfile, IMPLEMENTATION and diskdump_mod.h; formats/kdump-compressed.md.
public struct KdumpDump: HostDump {
  public let file: InputFile
  public let summary: HostDumpSummary
  public let notes: [Note]
  public let vmcoreinfo: VMCoreInfo?
  public let remarks: [String]
  public let stretches: [Range<UInt64>]
  private let header: KdumpHeader
  /// The second bitmap: frames that have a descriptor.
  private let stored: FrameBitmap
  private let known: FirstBitmap

  /// Opens a file that begins with the format's magic. Throws when a header field cannot be right.
  init(_ file: InputFile) throws(HostDumpError) {
    let header = try KdumpHeader(file)
    self.file = file
    self.header = header
    var remarks = header.remarks

    var stored = FrameBitmap()
    try Self.readBitmap(file, at: header.bitmapOffset + header.bitmapBytes, frames: header.maxMapnr, into: &stored)
    stored.freeze()
    guard stored.count > 0 else {
      throw .format(
        FormatError(
          file: file.path, offset: header.bitmapOffset + header.bitmapBytes, field: "2nd bitmap",
          expected: "at least one page in the file", found: "no bit set"))
    }
    self.stored = stored
    known = FirstBitmap(file: file, offset: header.bitmapOffset)

    var notes: [Note] = []
    if let range = header.notes {
      let bytes = try file.header(at: range.lowerBound, count: Int(range.upperBound - range.lowerBound))
      let (found, truncated) = Note.parse(bytes)
      notes = found
      if truncated { remarks.append("a note runs past the end of the notes: it and those behind it are ignored") }
    }
    self.notes = notes
    var vmcoreinfo: VMCoreInfo?
    if let range = header.vmcoreinfo, range.upperBound - range.lowerBound <= VMCoreInfo.maximumBytes {
      vmcoreinfo = VMCoreInfo(
        try file.header(at: range.lowerBound, count: Int(range.upperBound - range.lowerBound)))
    }
    if let fromNote = notes.vmcoreinfo {
      if let direct = vmcoreinfo, direct != fromNote {
        remarks.append("the VMCOREINFO note differs from the text at offset_vmcoreinfo, which counts")
      }
      vmcoreinfo = vmcoreinfo ?? fromNote
    }
    self.vmcoreinfo = vmcoreinfo

    let room = file.size - header.tableOffset
    let missing = stored.count > room / KdumpHeader.descriptorSize
    if missing { remarks.append("the file ends inside the page descriptor table: it is incomplete") }
    summary = HostDumpSummary(
      format: "kdump-compressed", headerVersion: Int(header.version), encoding: header.encoding,
      dumpLevel: header.dumpLevel, frames: header.maxMapnr, storedPages: stored.count,
      incomplete: header.isIncomplete || missing)
    self.remarks = remarks
    stretches = Self.stretches(of: stored)
  }

  public func presence(_ frame: UInt64) -> Presence {
    if stored.contains(frame) { return .stored }
    guard frame < header.maxMapnr, known.contains(frame) else { return .unknown }
    return .filtered
  }

  public func entries(in frames: Range<UInt64>) throws(SystemError) -> [StoredEntry] {
    let first = stored.rank(frames.lowerBound)
    let count = stored.rank(frames.upperBound) - first
    guard count > 0 else { return [] }
    let base = header.tableOffset + first * KdumpHeader.descriptorSize
    let table = try file.read(at: base, count: Int(count * KdumpHeader.descriptorSize), for: .descriptors)
    var entries: [StoredEntry] = []
    entries.reserveCapacity(Int(count))
    var at = 0
    stored.forEachRun(in: frames) { run in
      for frame in run {
        entries.append(entry(frame, table, at, base + UInt64(at)))
        at += Int(KdumpHeader.descriptorSize)
      }
    }
    return entries
  }

  /// Checks one descriptor in the order of formats/kdump-compressed.md §5.
  private func entry(_ frame: UInt64, _ table: [UInt8], _ at: Int, _ place: UInt64) -> StoredEntry {
    guard let offset: UInt64 = table.load(at), let size: UInt32 = table.load(at + 8),
      let flags: UInt32 = table.load(at + 12)
    else { return .lost(BadPage(frame: frame, offset: place, reason: "descriptor past the end of the file")) }
    func bad(_ reason: String) -> StoredEntry { .bad(BadPage(frame: frame, offset: place, reason: reason)) }

    if offset == 0 { return .lost(BadPage(frame: frame, offset: place, reason: "descriptor never written")) }
    guard let encoding = PageEncoding(rawValue: flags) else { return bad("flags \(hex(flags)) name no codec") }
    if encoding == .raw {
      guard size == UInt32(pageSize) else { return bad("raw page of \(size) bytes") }
    } else {
      guard size >= 1, size <= UInt32(pageSize) else { return bad("\(encoding.name) page of \(size) bytes") }
    }
    guard offset >= header.tableOffset else { return bad("offset \(hex(offset)) lies in headers or bitmaps") }
    let (end, overflow) = offset.addingReportingOverflow(UInt64(size))
    guard !overflow, end <= file.size else {
      return .lost(BadPage(frame: frame, offset: place, reason: "data at \(hex(offset)) past the end of the file"))
    }
    return .page(StoredPage(frame: frame, offset: offset, size: size, encoding: encoding))
  }

  private static func readBitmap(
    _ file: InputFile, at offset: UInt64, frames: UInt64, into bitmap: inout FrameBitmap
  ) throws(HostDumpError) {
    let chunks = (frames + FrameBitmap.framesPerChunk - 1) / FrameBitmap.framesPerChunk
    let chunksAtOnce: UInt64 = 256
    var chunk: UInt64 = 0
    while chunk < chunks {
      let take = min(chunksAtOnce, chunks - chunk)
      let bytes = try file.header(at: offset + chunk * UInt64(pageSize), count: Int(take) * pageSize)
      bytes.withBytes { span in
        for index in 0..<Int(take) {
          let block = span.extracting(index * pageSize..<min((index + 1) * pageSize, span.byteCount))
          if !block.isZero { bitmap.insertChunk(chunk + UInt64(index), block, limit: frames) }
        }
      }
      chunk += take
    }
  }

  private static func stretches(of stored: FrameBitmap) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for chunk in stored.chunks {
      for part in 0..<FrameBitmap.framesPerChunk / HostDumpLimits.stretch {
        let start = chunk * FrameBitmap.framesPerChunk + part * HostDumpLimits.stretch
        let frames = start..<start + HostDumpLimits.stretch
        if stored.rank(frames.upperBound) > stored.rank(frames.lowerBound) { result.append(frames) }
      }
    }
    return result
  }
}

/// The first bitmap (frames that are RAM), read block by block when a frame without a page is asked for; few blocks are kept.
private final class FirstBitmap: Sendable {
  private let file: InputFile
  private let offset: UInt64
  private let blocks = Mutex<[UInt64: [UInt8]]>([:])
  private static let keep = 64

  init(file: InputFile, offset: UInt64) {
    self.file = file
    self.offset = offset
  }

  func contains(_ frame: UInt64) -> Bool {
    let block = frame / FrameBitmap.framesPerChunk
    let bytes = blocks.withLock { blocks -> [UInt8] in
      if let bytes = blocks[block] { return bytes }
      let bytes = (try? file.read(at: offset + block * UInt64(pageSize), count: pageSize, for: .headers)) ?? []
      if blocks.count >= Self.keep { blocks.removeAll() }
      blocks[block] = bytes
      return bytes
    }
    guard let byte: UInt8 = bytes.load(Int(frame % FrameBitmap.framesPerChunk / 8)) else { return false }
    return byte >> (frame & 7) & 1 == 1
  }
}

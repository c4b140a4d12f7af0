/// A range of physical memory that stands in a file, raw.
struct MemoryRange: Sendable, Equatable {
  /// First address, and one past the last.
  var start: UInt64
  var end: UInt64
  /// Bytes from the start of the file.
  var offset: UInt64

  /// One past the highest address of 52 bits.
  static let addressLimit: UInt64 = 1 << 52
  /// More ranges than any machine has.
  static let countLimit = 1 << 16
}

/// Physical memory as it was copied, range by range, without notes: LiME's images, and raw files with a table of ranges.
/// The host's VMCOREINFO has to be found in it.
struct RangeDump: RunDump {
  let input: DumpInput
  let summary: HostDumpSummary
  let notes: [Note] = []
  let vmcoreinfo: VMCoreInfo? = nil
  let remarks: [Remark]
  let stretches: [Range<UInt64>]
  let stored: FrameRuns
  let lost: FrameRuns
  let memory: FrameRuns

  /// - Parameters:
  ///   - ranges: with addresses below `MemoryRange.addressLimit` and offsets below 2^63.
  ///   - isCut: the file ends before its ranges do.
  ///   - field: what to name where no page is left.
  init(
    _ input: DumpInput, format: String, _ ranges: [MemoryRange], isCut: Bool, field: String, remarks: [Remark] = []
  ) throws(HostDumpError) {
    self.input = input
    var data: [FrameRun] = []
    var beyond: [FrameRun] = []
    var whole: [FrameRun] = []
    let frameSize = UInt64(pageSize)
    for range in ranges {
      let first = (range.start + frameSize - 1) / frameSize
      let last = range.end / frameSize
      whole.append(FrameRun(start: range.start / frameSize, end: (range.end + frameSize - 1) / frameSize, offset: 0))
      let available = input.file.held(from: range.offset, count: range.end - range.start)
      let end = (range.start + available) / frameSize
      if first < end {
        data.append(FrameRun(start: first, end: end, offset: range.offset + (first * frameSize - range.start)))
      }
      beyond.append(FrameRun(start: max(first, end), end: last, offset: 0))
    }
    let stored = FrameRuns(preferring: data)
    var remarks = input.remarks + remarks
    if stored.conflicts > 0 {
      remarks.append(.damage("\(stored.conflicts) pages lie in two ranges: the first one counts"))
    }
    if isCut, !input.file.isCut {
      let end = ranges.map { $0.offset + ($0.end - $0.start) }.max() ?? 0
      remarks.append(.cut(input.file.size, "its ranges go on", to: end))
    }
    if let byte = stored.sharedByte {
      throw .format(
        FormatError(
          file: input.path, offset: byte, field: field, expected: "bytes that no other range has",
          found: "two ranges that share this byte"))
    }
    guard stored.frameCount > 0 else {
      throw .format(
        FormatError(
          file: input.path, offset: 0, field: field, expected: "at least one page in the file",
          found: "\(ranges.count) ranges, none"))
    }
    self.stored = stored
    lost = FrameRuns(preferring: beyond)
    memory = FrameRuns(preferring: whole)
    stretches = stored.stretches(in: input.file)
    self.remarks = remarks
    summary = HostDumpSummary(
      format: format, headerVersion: nil, codec: nil, dumpLevel: nil, frames: memory.runs.last?.end ?? 0,
      storedPages: stored.frameCount, incomplete: isCut || input.file.isCut)
  }
}

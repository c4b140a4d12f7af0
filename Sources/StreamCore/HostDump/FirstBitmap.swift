/// The first bitmap of a kdump-compressed file (frames that are RAM), looked at where it lies when a frame without a
/// page is asked for.
struct FirstBitmap: Sendable {
  private let input: DumpInput
  private let offset: UInt64
  /// Blocks read at once.
  private static let atOnce: UInt64 = 256

  init(_ input: DumpInput, offset: UInt64) {
    self.input = input
    self.offset = offset
  }

  func contains(_ frame: UInt64) -> Bool { word(frame) >> (frame & 63) & 1 == 1 }

  /// Whether `frame` is in the set, and how far that holds for the frames behind it, at most up to `limit`.
  func sameRun(from frame: UInt64, limit: UInt64) -> (isIn: Bool, end: UInt64) {
    let isIn = contains(frame)
    var end = frame + 1
    while end < limit {
      let word = word(end)
      let others = (isIn ? ~word : word) >> (end & 63)
      if others != 0 { return (isIn, min(limit, end + UInt64(others.trailingZeroBitCount))) }
      end = (end / 64 + 1) * 64
    }
    return (isIn, min(limit, end))
  }

  /// The 64 frames' bits around `frame`. What cannot be read is no RAM: the byte source keeps the failure.
  @inline(__always)
  private func word(_ frame: UInt64) -> UInt64 {
    (try? input.file.lend(at: offset + frame / 64 * 8, count: 8) { $0.load(0, as: UInt64.self) ?? 0 }) ?? 0
  }

  /// Frames of the second bitmap that the first one does not have: how many, and the lowest. Reads the blocks that the
  /// second has, and no others.
  func strays(of stored: FrameBitmap) throws(HostDumpError) -> (count: UInt64, first: UInt64?) {
    let chunks = stored.chunks
    var count: UInt64 = 0
    var lowest: UInt64?
    var index = 0
    while index < chunks.count {
      let first = chunks[index]
      var end = index + 1
      while end < chunks.count, chunks[end] - first == UInt64(end - index), chunks[end] - first < Self.atOnce {
        end += 1
      }
      let bytes = try input.header(at: offset + first * UInt64(pageSize), count: (end - index) * pageSize)
      bytes.withBytes { span in
        for at in 0..<end - index {
          let start = min(at * pageSize, span.byteCount)
          let block = span.extracting(start..<min(start + pageSize, span.byteCount))
          let strays = stored.frames(ofChunk: first + UInt64(at), notIn: block)
          count += strays.count
          lowest = lowest ?? strays.first
        }
      }
      index = end
    }
    return (count, lowest)
  }
}

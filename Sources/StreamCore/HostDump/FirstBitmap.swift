import Synchronization

/// The first bitmap of a kdump-compressed file (frames that are RAM), read block by block when a frame without a page
/// is asked for; few blocks are kept.
final class FirstBitmap: Sendable {
  private let file: InputFile
  private let offset: UInt64
  private let blocks = Mutex<[UInt64: [UInt8]]>([:])
  /// Blocks kept in memory, 4096 bytes each.
  private static let keep = 64
  /// Blocks read at once.
  private static let atOnce: UInt64 = 256

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

  /// How many frames of the second bitmap the first one does not have. Reads the blocks that the second has, and no
  /// others.
  func missing(_ stored: FrameBitmap) throws(HostDumpError) -> UInt64 {
    let chunks = stored.chunks
    var missing: UInt64 = 0
    var index = 0
    while index < chunks.count {
      let first = chunks[index]
      var end = index + 1
      while end < chunks.count, chunks[end] - first == UInt64(end - index), chunks[end] - first < Self.atOnce {
        end += 1
      }
      let bytes = try file.header(at: offset + first * UInt64(pageSize), count: (end - index) * pageSize)
      bytes.withBytes { span in
        for at in 0..<end - index {
          let start = min(at * pageSize, span.byteCount)
          let block = span.extracting(start..<min(start + pageSize, span.byteCount))
          missing += stored.count(ofChunk: first + UInt64(at), notIn: block)
        }
      }
      index = end
    }
    return missing
  }
}

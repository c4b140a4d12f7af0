/// A bitmap of frames as it stands in a dump's file: frames that are RAM are looked at where they lie when a frame
/// without a page is asked for, those that have a page are taken into memory.
struct FileBitmap: Sendable {
  private let input: DumpInput
  private let offset: UInt64
  private let order: BitOrder
  /// Blocks read at once.
  private static let atOnce: UInt64 = 256

  /// Which bit of a byte is that of the lowest frame.
  enum BitOrder: Sendable {
    /// The least significant: kdump-compressed.
    case leastFirst
    /// The most significant: sadump.
    case mostFirst
  }

  init(_ input: DumpInput, offset: UInt64, _ order: BitOrder = .leastFirst) {
    self.input = input
    self.offset = offset
    self.order = order
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
    let word = (try? input.file.lend(at: offset + frame / 64 * 8, count: 8) { $0.load(0, as: UInt64.self) ?? 0 }) ?? 0
    return order == .leastFirst ? word : word.withReversedBytes
  }

  /// Bytes of the bitmap, the least significant bit first.
  private func bytes(at place: UInt64, count: Int) throws(HostDumpError) -> [UInt8] {
    let bytes = try input.header(at: place, count: count)
    return order == .leastFirst ? bytes : bytes.map(\.reversed)
  }

  /// The frames of `frames` that are in the set. Holes of the file are not read, however large they are.
  func frames(in frames: Range<UInt64>) throws(HostDumpError) -> FrameBitmap {
    var bitmap = FrameBitmap()
    let block = UInt64(pageSize)
    let end = offset + (frames.upperBound + FrameBitmap.framesPerChunk - 1) / FrameBitmap.framesPerChunk * block
    var at = offset + frames.lowerBound / FrameBitmap.framesPerChunk * block
    while let data = input.file.nextData(from: at), data < end {
      at = max(at, data - (data - offset) % block)
      let bytes = try bytes(at: at, count: Int(min(Self.atOnce * block, end - at)))
      let chunk = (at - offset) / block
      bytes.withBytes { span in
        for start in stride(from: 0, to: span.byteCount, by: pageSize) {
          let part = span.extracting(start..<min(start + pageSize, span.byteCount))
          if !part.isZero { bitmap.insertChunk(chunk + UInt64(start) / block, part, in: frames) }
        }
      }
      at += Self.atOnce * block
    }
    bitmap.freeze()
    return bitmap
  }

  /// Frames of another bitmap, that of stored pages, that this one does not have: how many, and the lowest. Reads the blocks that the
  /// other has, and no others.
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
      let bytes = try bytes(at: offset + first * UInt64(pageSize), count: (end - index) * pageSize)
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

extension UInt8 {
  /// The bits in the other order.
  fileprivate var reversed: UInt8 {
    var byte = self >> 4 | self << 4
    byte = (byte & 0xcc) >> 2 | (byte & 0x33) << 2
    return (byte & 0xaa) >> 1 | (byte & 0x55) << 1
  }
}

extension UInt64 {
  /// The bits of each byte in the other order.
  fileprivate var withReversedBytes: UInt64 {
    var word = (self & 0xf0f0_f0f0_f0f0_f0f0) >> 4 | (self & 0x0f0f_0f0f_0f0f_0f0f) << 4
    word = (word & 0xcccc_cccc_cccc_cccc) >> 2 | (word & 0x3333_3333_3333_3333) << 2
    return (word & 0xaaaa_aaaa_aaaa_aaaa) >> 1 | (word & 0x5555_5555_5555_5555) << 1
  }
}

extension FrameBitmap {
  /// Stretches of frames that hold every frame of the set: 4096 frames each, at multiples of that.
  var stretches: [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for chunk in chunks {
      for part in 0..<Self.framesPerChunk / HostDumpLimits.stretch {
        let start = chunk * Self.framesPerChunk + part * HostDumpLimits.stretch
        let frames = start..<start + HostDumpLimits.stretch
        if rank(frames.upperBound) > rank(frames.lowerBound) { result.append(frames) }
      }
    }
    return result
  }
}

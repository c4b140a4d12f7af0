import HostModel

/// What a kdump-compressed file shall look like. Source: Documentation/kdump-compressed.md.
package struct RecipeKdump: Sendable {
  package var codec: RecipeCodec = .lzo
  package var version: UInt32 = 6
  /// makedumpfile's -d: 1 zero pages share one descriptor target, 8 no user data, 16 no free pages.
  package var level: UInt32 = 17
  /// VMCOREINFO by the sub-header's offset and as a note.
  package var hasTextOffset = true
  package var hasTextNote = true
  /// The frames of one part of a split set, or `nil` for a file of its own.
  package var part: Range<UInt64>?

  package init(
    codec: RecipeCodec = .lzo, version: UInt32 = 6, level: UInt32 = 17, hasTextOffset: Bool = true,
    hasTextNote: Bool = true, part: Range<UInt64>? = nil
  ) {
    self.codec = codec
    self.version = version
    self.level = level
    self.hasTextOffset = hasTextOffset
    self.hasTextNote = hasTextNote
    self.part = part
  }

  /// Where things stand in the file, for tests that damage it.
  package struct Places: Sendable {
    package var subHeader: UInt64 = 4096
    package var notes: UInt64 = 0
    package var notesSize: UInt64 = 0
    package var bitmap1: UInt64 = 0
    package var bitmap2: UInt64 = 0
    package var descriptors: UInt64 = 0
    /// Stored frames in the order of their descriptors.
    package var frames: [UInt64] = []

    /// File offset of a frame's descriptor.
    package func descriptor(_ frame: UInt64) -> UInt64? {
      frames.firstIndex(of: frame).map { descriptors + UInt64($0) * 24 }
    }
  }

  package func file(of host: BuiltHost) -> (file: RecipeFile, places: Places) {
    var file = RecipeFile()
    var places = Places()
    let notes = version < 4 ? [] : hasTextNote ? host.notes : host.kernel.crashNotes(hasVMCoreInfo: false)
    let text = Array((host.vmcoreInfo ?? "").utf8)
    let subHeaderSize = KdumpHead.subHeaderSize(version: version)
    places.notes = 4096 + subHeaderSize
    places.notesSize = UInt64(notes.count)
    // Without a note that holds the text, and before notes existed, the text stands behind them on its own.
    var textOffset = places.notes + places.notesSize
    if hasTextNote && version >= 4 { textOffset -= UInt64((text.count + 3) / 4 * 4) }
    let ownText = hasTextNote && version >= 4 ? 0 : UInt64(text.count)
    let half = (host.space.end + 8 * 4096 - 1) / (8 * 4096)
    var head = KdumpHead(host.kernel, end: host.space.end)
    head.version = version
    head.status = codec == .raw ? 0 : codec == .mixed ? RecipeCodec.lzo.rawValue : codec.rawValue
    head.subBlocks = (subHeaderSize + places.notesSize + ownText + 4095) / 4096
    head.bitmapBlocks = 2 * half
    head.level = level
    head.frames = part
    head.notes = KdumpHead.Part(offset: places.notes, size: places.notesSize)
    let hasText = hasTextOffset && !text.isEmpty && version >= 3
    if hasText { head.vmcoreInfo = KdumpHead.Part(offset: textOffset, size: UInt64(text.count)) }
    places.bitmap1 = (1 + head.subBlocks) * 4096
    places.bitmap2 = places.bitmap1 + half * 4096
    places.descriptors = places.bitmap2 + half * 4096
    file.put(head.header, at: 0)
    file.put(head.subHeader, at: 4096)
    file.put(notes, at: places.notes)
    if ownText > 0 && hasText { file.put(text, at: textOffset) }
    let stored = host.storedFrames(level: level)
    putBitmap(host.space.ram, at: places.bitmap1, in: &file)
    putBitmap(RecipeKdump.runs(stored), at: places.bitmap2, in: &file)
    places.frames = stored.filter { part?.contains($0) ?? true }
    putPages(host, places, in: &file)
    return (file, places)
  }

  /// The file's bytes, after `patch` has damaged them where the test wants.
  package func bytes(of host: BuiltHost, patch: (inout [UInt8], Places) -> Void = { _, _ in }) -> [UInt8] {
    let (file, places) = file(of: host)
    var bytes = file.bytes
    patch(&bytes, places)
    return bytes
  }

  /// Ascending frames as runs of neighbours.
  package static func runs(_ frames: [UInt64]) -> [Range<UInt64>] {
    var runs: [Range<UInt64>] = []
    for frame in frames {
      if let last = runs.last, last.contains(frame) { continue }
      if let last = runs.last, last.upperBound == frame {
        runs[runs.count - 1] = last.lowerBound..<frame + 1
      } else {
        runs.append(frame..<frame + 1)
      }
    }
    return runs
  }

  /// Only the blocks of the bitmap that have a bit set are put into the file.
  private func putBitmap(_ runs: [Range<UInt64>], at offset: UInt64, in file: inout RecipeFile) {
    var blocks: [UInt64: [UInt64]] = [:]
    for run in runs {
      var frame = run.lowerBound
      while frame < run.upperBound {
        let inWord = frame % 64
        let count = min(64 - inWord, run.upperBound - frame)
        let mask: UInt64 = (count == 64 ? ~0 : (1 << count) - 1) << inWord
        blocks[frame >> 15, default: SparseMemory.zero][Int(frame >> 6 & 511)] |= mask
        frame += count
      }
    }
    for (block, words) in blocks.sorted(by: { $0.key < $1.key }) {
      file.put(LittleEndian.bytes(words), at: offset + block << 12)
    }
  }

  private func putPages(_ host: BuiltHost, _ places: Places, in file: inout RecipeFile) {
    let memory = host.memory
    let data = places.descriptors + UInt64(places.frames.count) * 24
    var end = data
    var descriptors: [UInt64] = []
    descriptors.reserveCapacity(places.frames.count * 3)
    var pages = RecipeFile()
    let sharesZero = level & 1 != 0
    var zeroPlace: (offset: UInt64, sizeAndFlags: UInt64)?
    if sharesZero {
      pages.put(SparseMemory.zeroPage, at: end)
      zeroPlace = (end, 4096)
      end += 4096
    }
    for frame in places.frames {
      if let zeroPlace, memory.isZero(frame) {
        descriptors += [zeroPlace.offset, zeroPlace.sizeAndFlags, 0]
        continue
      }
      let page = memory.page(frame)
      let codec = codec.codec(frame: frame)
      let stream = RecipeBytes.compress(page, codec)
      let stored = stream ?? page
      descriptors += [end, UInt64(stored.count) | UInt64(stream == nil ? 0 : codec.rawValue) << 32, 0]
      pages.put(stored, at: end)
      end += UInt64(stored.count)
    }
    file.put(LittleEndian.bytes(descriptors), at: places.descriptors)
    for chunk in pages.chunks { file.put(chunk.bytes, at: chunk.offset) }
    file.grow(to: end)
  }
}

extension BuiltHost {
  /// A kdump-compressed file in memory.
  package func kdump(_ codec: RecipeCodec = .lzo, version: UInt32 = 6, level: UInt32 = 17) -> [UInt8] {
    RecipeKdump(codec: codec, version: version, level: level).file(of: self).file.bytes
  }

  /// The parts of a split set, cut at multiples of 4096 frames.
  package func kdumpParts(_ count: UInt64, _ codec: RecipeCodec = .lzo, level: UInt32 = 17) -> [[UInt8]] {
    let step = (space.end / count + 4095) / 4096 * 4096
    return (0..<count).map { index in
      let start = min(index * step, space.end)
      let end = index == count - 1 ? space.end : min(start + step, space.end)
      return RecipeKdump(codec: codec, level: level, part: start..<end).file(of: self).file.bytes
    }
  }
}

import HostModel

/// Writes a host as a kdump-compressed file, header version 6, dump level 1, front to back in bounded memory.
/// Source: makedumpfile, IMPLEMENTATION and diskdump_mod.h.
struct KdumpFile {
  /// What was written.
  struct Summary: Sendable, Equatable {
    var frames: UInt64 = 0
    var zeroFrames: UInt64 = 0
    /// Frames of the kernel, of KVM and of EPT.
    var builtFrames: UInt64 = 0
    var bytes: UInt64 = 0
  }

  let options: HostOptions
  let geometry: Geometry
  let host: HostStructures
  let codec: PageCodec
  /// Of the pool.
  let pages: [[UInt8]]

  init(_ options: HostOptions, kind: HostKind, codec: PageCodec, pool: PagePool) throws(NoRoom) {
    self.options = options
    self.codec = codec
    pages = pool.pages
    geometry = try Geometry(options)
    host = try HostStructures(options, kind: kind, geometry: geometry)
  }

  /// - Parameter image: also written: physical memory as it is, sparse, for tools that read no kdump.
  func write(to path: String, image: String? = nil) throws -> Summary {
    let image = try image.map { try OutputFile($0) }
    let file = try OutputFile(path)
    let notes = host.kernel.crashNotes()
    let head = head(notes: UInt64(notes.count))
    try file.write(head.header[...], at: 0)
    try file.write((head.subHeader + notes)[...], at: KdumpHead.block)
    let bitmaps = (1 + head.subBlocks) * KdumpHead.block
    let half = head.bitmapBlocks / 2 * KdumpHead.block
    for bitmap in [bitmaps, bitmaps + half] { try writeBitmap(file, at: bitmap) }
    let descriptors = bitmaps + 2 * half
    try image?.grow(to: geometry.end << 12)
    return try writePages(file, descriptors: descriptors, image: image)
  }

  private func writePages(_ file: OutputFile, descriptors: UInt64, image: OutputFile?) throws -> Summary {
    var summary = Summary(frames: geometry.ramFrames)
    var table = SequentialWriter(file, at: descriptors)
    var data = SequentialWriter(file, at: descriptors + 24 * summary.frames)
    let zero = data.offset
    try data.append([UInt8](repeating: 0, count: 4096))
    let pool = pages.map { codec.store($0, options.codec) }
    var places: [UInt64] = []
    if options.sharesData {
      for page in pool {
        places.append(data.offset)
        try data.append(page.bytes)
      }
    }
    var content = ContentStream(seed: options.seed, pages: pool.count)
    let built = host.memory.pages
    var words = SparseMemory.zero
    var bytes = [UInt8](repeating: 0, count: 4096)
    for frame in geometry.ram.joined() {
      let ordinary = content.next()
      let isTable = geometry.tables.contains(frame)
      if isTable || built[frame] != nil || Self.isKept(frame, geometry) {
        if isTable { host.ept.fill(&words, frame: frame) } else { words = built[frame] ?? SparseMemory.zero }
        summary.builtFrames += 1
        if words == SparseMemory.zero {
          try table.append(descriptor: zero, size: 4096, flag: 0)
          continue
        }
        Self.copy(words, to: &bytes)
        try image?.write(bytes[...], at: frame << 12)
        let page = codec.store(bytes, options.codec)
        try table.append(descriptor: data.offset, size: page.bytes.count, flag: page.flag)
        try data.append(page.bytes)
      } else if let ordinary {
        let page = pool[ordinary]
        try image?.write(pages[ordinary][...], at: frame << 12)
        let place = options.sharesData ? places[ordinary] : data.offset
        try table.append(descriptor: place, size: page.bytes.count, flag: page.flag)
        if !options.sharesData { try data.append(page.bytes) }
      } else {
        summary.zeroFrames += 1
        try table.append(descriptor: zero, size: 4096, flag: 0)
      }
    }
    try table.flush()
    try data.flush()
    summary.bytes = data.offset
    return summary
  }

  /// Frames of the kernel's structures that nobody wrote are zero, not ordinary.
  private static func isKept(_ frame: UInt64, _ geometry: Geometry) -> Bool { geometry.structures.contains(frame) }

  private static func copy(_ words: [UInt64], to bytes: inout [UInt8]) {
    // Safe: 512 words are 4096 bytes.
    unsafe bytes.withUnsafeMutableBytes { room in
      for (index, word) in words.enumerated() {
        unsafe room.storeBytes(of: word.littleEndian, toByteOffset: index * 8, as: UInt64.self)
      }
    }
  }

  /// All of RAM exists and is in the file.
  private func writeBitmap(_ file: OutputFile, at offset: UInt64) throws(WriteError) {
    var writer = SequentialWriter(file, at: offset)
    var chunk = [UInt8](repeating: 0, count: 4096)
    let perChunk: UInt64 = 8 * 4096
    for first in stride(from: 0, to: geometry.end, by: UInt64.Stride(perChunk)) {
      for index in chunk.indices { chunk[index] = 0 }
      for run in geometry.ram {
        // Clamped, ranges that do not meet are empty.
        for frame in run.clamped(to: first..<first + perChunk) {
          chunk[Int((frame - first) >> 3)] |= 1 << UInt8(frame & 7)
        }
      }
      try writer.append(chunk)
    }
    try writer.flush()
  }

  /// - Parameter size: of the notes, the last of which is VMCOREINFO.
  private func head(notes size: UInt64) -> KdumpHead {
    var head = KdumpHead(host.kernel, end: geometry.end)
    let start = KdumpHead.subHeaderSize(version: head.version)
    let text = UInt64(host.kernel.vmcoreInfo.utf8.count)
    head.status = options.codec.flag
    head.subBlocks = (start + size + KdumpHead.block - 1) / KdumpHead.block
    head.bitmapBlocks = 2 * ((geometry.end + 8 * KdumpHead.block - 1) / (8 * KdumpHead.block))
    head.notes = KdumpHead.Part(offset: KdumpHead.block + start, size: size)
    head.vmcoreInfo = KdumpHead.Part(offset: KdumpHead.block + start + size - (text + 3) / 4 * 4, size: text)
    return head
  }
}

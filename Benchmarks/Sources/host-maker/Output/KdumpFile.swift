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
  let host: KVMObjects
  let codec: PageCodec
  /// Of the pool.
  let pages: [[UInt8]]

  private static let block: UInt64 = 4096

  init(_ options: HostOptions, codec: PageCodec, pool: PagePool) throws(NoRoom) {
    self.options = options
    self.codec = codec
    pages = pool.pages
    geometry = try Geometry(options)
    host = try KVMObjects(options, geometry: geometry)
  }

  /// - Parameter image: also written: physical memory as it is, sparse, for tools that read no kdump.
  func write(to path: String, image: String? = nil) throws -> Summary {
    let image = try image.map { try OutputFile($0) }
    let file = try OutputFile(path)
    let notes = notes
    let subBlocks = (104 + UInt64(notes.count) + 4095) / Self.block
    let half = (geometry.end + 8 * Self.block - 1) / (8 * Self.block)
    try file.write(header(subBlocks: subBlocks, bitmapBlocks: 2 * half)[...], at: 0)
    try file.write((subHeader(notes) + notes)[...], at: Self.block)
    let bitmaps = (1 + subBlocks) * Self.block
    for bitmap in [bitmaps, bitmaps + half * Self.block] { try writeBitmap(file, at: bitmap) }
    let descriptors = bitmaps + 2 * half * Self.block
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
    var words = KernelMemory.zero
    var bytes = [UInt8](repeating: 0, count: 4096)
    for frame in geometry.ram.joined() {
      let ordinary = content.next()
      let isTable = geometry.tables.contains(frame)
      if isTable || built[frame] != nil || Self.isKept(frame, geometry) {
        if isTable { host.ept.fill(&words, frame: frame) } else { words = built[frame] ?? KernelMemory.zero }
        summary.builtFrames += 1
        if words == KernelMemory.zero {
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

  private var notes: [UInt8] {
    var notes: [UInt8] = []
    let kernel = host.kernel
    for cpu in 0..<options.cpus {
      var registers = [UInt64](repeating: 0, count: 27)
      registers[16] = kernel.stext + 0x1231
      registers[17] = 0x10
      registers[18] = 0x246
      registers[19] = kernel.virtual(kernel.perCPU[Int(cpu)]) + 0x3f00
      registers[20] = 0x18
      notes += Notes.processStatus(pid: 0, registers: registers)
    }
    return notes + Notes.note(name: "VMCOREINFO", type: 0, descriptor: Array(kernel.vmcoreInfo.utf8))
  }

  private func header(subBlocks: UInt64, bitmapBlocks: UInt64) -> [UInt8] {
    var bytes = Array("KDUMP   ".utf8) + littleEndian(UInt32(6))
    for name in host.kernel.utsname {
      bytes += Array(name.utf8)
      bytes += repeatElement(0, count: 65 - name.utf8.count)
    }
    bytes += repeatElement(0, count: 424 - bytes.count)
    let words: [UInt32] = [
      options.codec.flag, 4096, UInt32(subBlocks), UInt32(bitmapBlocks), UInt32(clamping: geometry.end), 0, 0, 0, 0,
      UInt32(options.cpus),
    ]
    return bytes + words.flatMap { littleEndian($0) }
  }

  private func subHeader(_ notes: [UInt8]) -> [UInt8] {
    let text = UInt64(host.kernel.vmcoreInfo.utf8.count)
    let notesPlace = Self.block + 104
    let textPlace = notesPlace + UInt64(notes.count) - (text + 3) / 4 * 4
    var bytes = littleEndian(host.kernel.physBase) + littleEndian(UInt32(1)) + littleEndian(UInt32(0))
    let words: [UInt64] = [0, 0, textPlace, text, notesPlace, UInt64(notes.count), 0, 0, 0, 0, geometry.end]
    bytes += words.flatMap { littleEndian($0) }
    return bytes
  }
}

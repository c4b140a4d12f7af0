import HostModel

/// What an ELF vmcore shall look like. Source: Documentation/elf.md §1.
package struct RecipeElf: Sendable {
  package enum Style: Sendable {
    /// /proc/vmcore: a kernel text segment over RAM, direct-map p_vaddr, partial pages at the edge of low memory, data
    /// aligned.
    case vmcore
    /// makedumpfile -E: stored runs with what follows them unstored (p_filesz < p_memsz), data right behind the notes.
    case makedumpfile
    /// QEMU 7.2: section headers first, program headers at 192, p_vaddr = p_paddr.
    case qemu
  }
  package var style: Style = .vmcore
  /// makedumpfile's -d: 1 no zero pages, 8 no user data, 16 no free pages.
  package var level: UInt32 = 0
  /// Count of program headers in section header 0, as from 65,535 on.
  package var usesExtendedCount = false

  /// One PT_LOAD: physical range in bytes and the runs of it that are stored, from its start on.
  private struct Segment {
    var physical: UInt64
    var virtual: UInt64
    var stored: UInt64
    var size: UInt64
  }

  package func file(of host: BuiltHost) -> RecipeFile {
    var file = RecipeFile()
    let segments = self.segments(host)
    let count = UInt64(segments.count + 1)
    let isExtended = usesExtendedCount || count >= 0xffff
    let sections: UInt64 = style == .qemu ? 2 : isExtended ? 1 : 0
    let headers: UInt64 = style == .qemu ? 64 + sections * 64 : 64
    let sectionPlace = style == .qemu ? 64 : headers + count * 56
    let notesPlace = style == .qemu ? headers + count * 56 : headers + count * 56 + sections * 64
    let notes = host.notes
    var data = notesPlace + UInt64(notes.count)
    if style == .vmcore { data = (data + 4095) & ~4095 }
    file.put(
      fileHeader(
        tableOffset: headers, count: isExtended ? 0xffff : UInt16(count), sections: sections,
        sectionPlace: sections == 0 ? 0 : sectionPlace), at: 0)
    if sections > 0 && isExtended {
      file.put([UInt8](repeating: 0, count: 44) + RecipeFile.le32(UInt32(count)), at: sectionPlace)
    }
    if sections > 0 { file.grow(to: sectionPlace + sections * 64) }
    var table = RecipeElf.programHeader(4, at: notesPlace, UInt64.zero, 0, UInt64(notes.count), UInt64(notes.count))
    for segment in segments {
      table += RecipeElf.programHeader(1, at: data, segment.virtual, segment.physical, segment.stored, segment.size)
      putData(segment, host.memory, at: data, in: &file)
      data += segment.stored
      if style == .vmcore { data = (data + 4095) & ~4095 }
    }
    file.put(table, at: headers)
    file.put(notes, at: notesPlace)
    file.grow(to: data)
    return file
  }

  private func fileHeader(tableOffset: UInt64, count: UInt16, sections: UInt64, sectionPlace: UInt64) -> [UInt8] {
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    bytes += RecipeFile.le16(4) + RecipeFile.le16(62) + RecipeFile.le32(1) + RecipeFile.le64(0)
    bytes += RecipeFile.le64(tableOffset) + RecipeFile.le64(sectionPlace) + RecipeFile.le32(0)
    for half in [style == .qemu ? 8 : 64, 56, count, sections == 0 ? 0 : 64, UInt16(sections), style == .qemu ? 1 : 0] {
      bytes += RecipeFile.le16(half)
    }
    return bytes
  }

  private static func programHeader(
    _ type: UInt32, at offset: UInt64, _ virtual: UInt64, _ physical: UInt64, _ stored: UInt64, _ size: UInt64
  ) -> [UInt8] {
    var bytes = RecipeFile.le32(type) + RecipeFile.le32(type == 1 ? 7 : 0)
    for word in [offset, virtual, physical, stored, size, 0] { bytes += RecipeFile.le64(word) }
    return bytes
  }

  /// Data of a segment; pages that are zero stay holes of the file.
  private func putData(_ segment: Segment, _ memory: SparseMemory, at offset: UInt64, in file: inout RecipeFile) {
    var address = segment.physical
    let end = segment.physical + segment.stored
    while address < end {
      let next = min((address & ~0xfff) + 4096, end)
      if !memory.isZero(address >> 12) {
        let page = memory.page(address >> 12)
        let start = Int(address & 0xfff)
        file.put(Array(page[start..<start + Int(next - address)]), at: offset + address - segment.physical)
      }
      address = next
    }
  }

  private func segments(_ host: BuiltHost) -> [Segment] {
    func directMap(_ physical: UInt64) -> UInt64 { style == .qemu ? physical : host.kernel.virtual(physical) }
    var stored = host.storedFrames(level: level)
    if level & 1 != 0 { stored.removeAll { host.memory.isZero($0) } }
    let runs = RecipeKdump.runs(stored)
    var segments: [Segment] = []
    if style != .qemu {
      let kernel = host.kernel
      let image = kernel.image >> 12..<(kernel.image + kernel.description.imageSize) >> 12
      segments += self.segments(of: image, stored: runs) { kernel.stext &+ ($0 - kernel.image) }
    }
    for ram in host.space.ram { segments += self.segments(of: ram, stored: runs, directMap) }
    return style == .vmcore ? trimLowMemory(segments, directMap) : segments
  }

  /// The PT_LOADs of one run of frames. What is not stored is in none of them, but for makedumpfile, where it hangs
  /// behind the stored run before it or, at the start, has a header without data.
  private func segments(
    of frames: Range<UInt64>, stored runs: [Range<UInt64>], _ virtual: (UInt64) -> UInt64
  ) -> [Segment] {
    var segments: [Segment] = []
    var cursor = frames.lowerBound
    func skip(to frame: UInt64) {
      guard frame > cursor && style == .makedumpfile else { return }
      if segments.isEmpty {
        segments.append(Segment(physical: cursor << 12, virtual: virtual(cursor << 12), stored: 0, size: 0))
      }
      segments[segments.count - 1].size += (frame - cursor) << 12
    }
    for run in runs where run.overlaps(frames) {
      let part = run.clamped(to: frames)
      skip(to: part.lowerBound)
      let start = part.lowerBound << 12
      let size = UInt64(part.count) << 12
      segments.append(Segment(physical: start, virtual: virtual(start), stored: size, size: size))
      cursor = part.upperBound
    }
    skip(to: frames.upperBound)
    return segments
  }

  /// /proc/vmcore begins at 0x1000 and ends low memory inside a page, as firmware reports it.
  private func trimLowMemory(_ segments: [Segment], _ directMap: (UInt64) -> UInt64) -> [Segment] {
    segments.map { segment in
      guard segment.physical == 0 && segment.size > 0x2000 else { return segment }
      let cut: UInt64 = segment.size == 0xa0000 ? 0x400 : 0
      let size = segment.size - 0x1000 - cut
      return Segment(physical: 0x1000, virtual: directMap(0x1000), stored: size, size: size)
    }
  }
}

extension BuiltHost {
  /// An ELF vmcore in memory.
  package func elf(_ style: RecipeElf.Style = .vmcore, level: UInt32 = 16, usesExtendedCount: Bool = false) -> [UInt8] {
    RecipeElf(style: style, level: level, usesExtendedCount: usesExtendedCount).file(of: self).bytes
  }
}

/// All of a guest's ELF core but its pages: file header, program headers, notes.
/// Source: elf(5); Documentation/elf.md §2, §4.1.
struct ElfHeaders: Sendable {
  /// Program headers that go into one part (448 KiB).
  private static let perPart = 8192

  let layout: ElfLayout
  private let image: GuestImage
  private let notes: GuestNotes

  /// `nil` when a file cannot hold the guest's pages.
  init?(_ image: GuestImage) {
    self.image = image
    notes = GuestNotes(vcpus: image.vcpus, vmcoreinfo: image.vmcoreinfo)
    let segments = Self.segmentCount(image, image.present)
    guard image.present.end <= 1 << 52,
      let layout = ElfLayout(segments: segments, notes: notes, pages: image.present.count)
    else { return nil }
    self.layout = layout
  }

  /// - Parameter kept: the guest frames that are in the file; frozen.
  func forEachPart(
    keeping kept: FrameBitmap, _ body: (FilePart) throws(SystemError) -> Void
  ) throws(SystemError) {
    let segments = segmentCount(kept)
    try body(FilePart(offset: 0, bytes: layout.header(segments: segments)))
    if let section = layout.sectionHeader(segments: segments) {
      try body(FilePart(offset: section.offset, bytes: section.bytes))
    }
    try body(FilePart(offset: layout.notes, bytes: notes.bytes))
    var headers = FilePart(offset: ElfLayout.headerSize, bytes: layout.noteHeader)
    func add(_ header: [UInt8]) throws(SystemError) {
      if headers.bytes.count >= Self.perPart * Int(ElfLayout.programHeaderSize) {
        try body(headers)
        headers = FilePart(offset: headers.offset + UInt64(headers.bytes.count), bytes: [])
      }
      headers.bytes += header
    }
    try kept.writeEachRun { run throws(SystemError) in
      let physical = GPA(frame: run.lowerBound)
      let virtual = image.directMapBase.map { $0 &+ physical.rawValue } ?? 0
      try add(load(run, virtual: virtual))
    }
    for part in image.kernelImage {
      guard let frames = Self.frames(of: part) else { continue }
      try kept.writeEachRun(in: frames) { run throws(SystemError) in
        let virtual = part.virtual &+ (GPA(frame: run.lowerBound).rawValue &- part.physical)
        try add(load(run, virtual: virtual.rawValue))
      }
    }
    try body(headers)
  }

  private func load(_ run: Range<UInt64>, virtual: UInt64) -> [UInt8] {
    layout.loadHeader(
      rank: image.present.rank(run.lowerBound), virtual: virtual, physical: GPA(frame: run.lowerBound).rawValue,
      pages: run.upperBound - run.lowerBound)
  }

  /// PT_NOTE, a PT_LOAD a run, a PT_LOAD a run of the kernel image.
  func segmentCount(_ pages: FrameBitmap) -> UInt64 { Self.segmentCount(image, pages) }

  private static func segmentCount(_ image: GuestImage, _ pages: FrameBitmap) -> UInt64 {
    var count: UInt64 = 1
    pages.forEachRun { _ in count += 1 }
    for part in image.kernelImage {
      guard let frames = frames(of: part) else { continue }
      pages.forEachRun(in: frames) { _ in count += 1 }
    }
    return count
  }

  /// The whole pages of a stretch of the kernel image; `nil` when there is none, or the two addresses differ within a
  /// page.
  private static func frames(of part: KernelImagePart) -> Range<UInt64>? {
    let physical = GPA(rawValue: part.physical)
    let (end, overflow) = part.physical.addingReportingOverflow(part.bytes)
    let first = physical.frame + (physical.pageOffset == 0 ? 0 : 1)
    guard !overflow, part.virtual.pageOffset == physical.pageOffset, first < end >> 12 else { return nil }
    return first..<end >> 12
  }
}

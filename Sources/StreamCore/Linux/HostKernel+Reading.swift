extension HostKernel {
  /// The quadword at a kernel virtual address, which is a multiple of 8.
  func u64(_ address: UInt64) -> UInt64? {
    guard address & 7 == 0, let place = translate(VirtualAddress(rawValue: address)),
      let page = memory.page(place.frame).page
    else { return nil }
    return page.u64(place.pageOffset)
  }

  /// Up to `count` bytes from a kernel virtual address, as far as they are mapped and stored, with the frames they came
  /// from.
  func bytes(_ address: VirtualAddress, upTo count: Int) -> (bytes: [UInt8], frames: [UInt64]) {
    var bytes: [UInt8] = []
    var frames: [UInt64] = []
    while bytes.count < count {
      guard let place = translate(address &+ UInt64(bytes.count)), let page = memory.page(place.frame).page
      else { break }
      frames.append(place.frame)
      bytes += page.bytes[place.pageOffset..<min(pageSize, place.pageOffset + count - bytes.count)]
    }
    return (bytes, frames)
  }

  /// Whether a quadword can be the address of a kernel object: kernel half, canonical, a multiple of 8.
  func isPointer(_ value: UInt64) -> Bool {
    value & 7 == 0 && value >> 63 == 1 && VirtualAddress(rawValue: value).isCanonical(levels: levels)
  }

  /// Whether a `list_head` at `node` is linked, with both neighbours pointing back at it.
  func isLinked(_ node: UInt64, next: UInt64, previous: UInt64) -> Bool {
    isPointer(next) && isPointer(previous) && next != node && u64(next &+ 8) == node && u64(previous) == node
  }
}

/// A stretch of kernel memory, read page by page as far as somebody looks.
struct KernelStretch {
  let address: VirtualAddress
  private(set) var bytes: [UInt8] = []
  /// Where the bytes came from.
  private(set) var frames: [UInt64] = []
  private let limit: Int
  private let kernel: HostKernel

  /// - Parameter limit: bytes that are read at most.
  init(_ address: VirtualAddress, limit: Int, _ kernel: HostKernel) {
    self.address = address
    self.limit = limit
    self.kernel = kernel
  }

  /// The quadword at an offset, if it is mapped and stored with all before it.
  mutating func u64(_ offset: Int) -> UInt64? {
    read(upTo: offset + 8)
    return bytes.load(offset)
  }

  /// Reads at least `count` bytes where that many are mapped and stored.
  mutating func read(upTo count: Int) {
    while bytes.count < min(count, limit) {
      let next = address &+ UInt64(bytes.count)
      let more = kernel.bytes(next, upTo: min(limit - bytes.count, pageSize - next.pageOffset))
      guard !more.bytes.isEmpty else { return }
      bytes += more.bytes
      frames += more.frames
    }
  }
}

/// A stretch of physical memory, read once; what the dump lacks reads as `nil`.
struct PhysicalWindow: Sendable {
  /// First byte, a multiple of 8.
  let start: UInt64
  /// One past the last byte.
  let end: UInt64
  private let pages: [Page?]

  /// `count` is at most some tens of KiB: it comes from our own tables.
  init(_ memory: any PhysicalMemory, from start: UInt64, count: UInt64) {
    let (end, overflow) = start.addingReportingOverflow(count)
    self.start = start
    self.end = overflow ? start : end
    pages = self.end == start ? [] : (start >> 12...(self.end - 1) >> 12).map { memory.page($0).page }
  }

  /// The quadword at a physical address, a multiple of 8.
  func u64(_ address: UInt64) -> UInt64? {
    guard address >= start, address < end, end - address >= 8, address & 7 == 0 else { return nil }
    return pages[Int((address >> 12) - (start >> 12))]?.u64(Int(address & 0xfff))
  }

  /// The doubleword at a physical address, a multiple of 4.
  func u32(_ address: UInt64) -> UInt32? {
    guard let both = u64(address & ~7), address & 3 == 0 else { return nil }
    return UInt32(truncatingIfNeeded: both >> (address & 4 == 0 ? 0 : 32))
  }

  /// Frames of the pages that are there.
  var frames: [UInt64] { zip(UInt64(start >> 12)..., pages).compactMap { $1 == nil ? nil : $0 } }
}

/// A stretch of kernel memory, read page by page as far as somebody looks.
struct KernelBytes {
  let address: VirtualAddress
  private(set) var bytes: [UInt8] = []
  /// Where the bytes came from.
  private(set) var frames: [UInt64] = []
  private let limit: Int
  private let kernel: LinuxKernel

  /// - Parameter limit: bytes that are read at most.
  init(_ address: VirtualAddress, limit: Int, _ kernel: LinuxKernel) {
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

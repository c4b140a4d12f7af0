/// Reads many small things of a kernel's memory that stand side by side: the page that was read last is kept.
struct KernelPageReader: Sendable {
  private let kernel: LinuxKernel
  private var place: UInt64?
  private var page: Result<[UInt8], KernelReadFault> = .success([])

  init(_ kernel: LinuxKernel) { self.kernel = kernel }

  /// All of `count` bytes from an address on, or why not.
  /// - Parameter count: bounded by the caller.
  mutating func bytes(_ address: VirtualAddress, count: Int) throws(KernelReadFault) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let at = address &+ UInt64(bytes.count)
      guard at.rawValue >= address.rawValue else { throw .noAddress(at) }
      let start = at &- UInt64(at.pageOffset)
      if place != start.rawValue {
        place = start.rawValue
        page = Result { () throws(KernelReadFault) in try kernel.read(start, count: pageSize) }
      }
      bytes += try page.get()[at.pageOffset..<min(pageSize, at.pageOffset + count - bytes.count)]
    }
    return bytes
  }
}

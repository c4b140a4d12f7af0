/// The bytes of one blob of a kernel's types, or of the kernel's index of them, read page by page as they are asked
/// for. A kernel has 4 to 6 MB of types, of which a few structures take a few pages.
struct BTFBytes: Sendable {
  let count: Int
  /// What has not been read has no meaning.
  private(set) var bytes: [UInt8]
  private let address: VirtualAddress
  /// `nil` when all bytes are there.
  private let kernel: LinuxKernel?
  /// By page, counted from the one that holds the first byte.
  private var isRead: [Bool] = []

  init(_ bytes: [UInt8]) {
    count = bytes.count
    self.bytes = bytes
    address = VirtualAddress(rawValue: 0)
    kernel = nil
  }

  /// - Parameter count: bytes, bounded by the caller.
  init(_ kernel: LinuxKernel, _ address: VirtualAddress, count: Int) {
    self.count = max(0, count)
    self.address = address
    self.kernel = kernel
    bytes = [UInt8](unwritten: self.count)
    isRead = Array(repeating: false, count: (address.pageOffset + self.count + pageSize - 1) / pageSize)
  }

  /// Pages that were read.
  var pagesRead: Int { isRead.count { $0 } }

  /// Sees to it that the bytes in a range are there, as far as the range lies inside.
  @inline(__always)
  mutating func need(_ start: Int, _ size: Int) throws(KernelReadFault) {
    guard let kernel, size > 0, start >= 0, start < count else { return }
    let first = (address.pageOffset + start) / pageSize
    let last = (address.pageOffset + min(count, start &+ size) - 1) / pageSize
    if first == last, isRead[first] { return }
    try read(kernel, first, last)
  }

  private mutating func read(_ kernel: LinuxKernel, _ first: Int, _ last: Int) throws(KernelReadFault) {
    var page = first
    while page <= last {
      if isRead[page] {
        page += 1
        continue
      }
      // Pages in a row are looked up together.
      var end = page + 1
      while end <= last, end - page < 64, !isRead[end] { end += 1 }
      let start = max(0, page * pageSize - address.pageOffset)
      let stop = min(count, end * pageSize - address.pageOffset)
      let found = try kernel.read(address &+ UInt64(start), count: stop - start)
      bytes.replaceSubrange(start..<stop, with: found)
      for number in page..<end { isRead[number] = true }
      page = end
    }
  }
}

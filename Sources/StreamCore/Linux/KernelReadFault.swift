/// Why bytes of a kernel's memory cannot be had.
enum KernelReadFault: Error, Equatable, Sendable {
  /// No address of this paging mode, or one that overflows.
  case noAddress(VirtualAddress)
  case unmapped(VirtualAddress)
  /// The dump does not hold the page, or a page table on the way to it.
  case absent(VirtualAddress)
  case damaged(VirtualAddress)
}

extension KernelReadFault {
  /// The dump's, not the kernel's: bytes that were there once.
  var isOfDump: Bool {
    switch self {
    case .absent, .damaged: true
    case .noAddress, .unmapped: false
    }
  }
}

extension KernelReadFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .noAddress(let address): "\(address) is no kernel address"
    case .unmapped(let address): "\(address) is not mapped"
    case .absent(let address): "the dump does not hold \(address)"
    case .damaged(let address): "the page of \(address) is damaged"
    }
  }
}

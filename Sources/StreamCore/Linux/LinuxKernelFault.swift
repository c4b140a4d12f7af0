/// Why a kernel's own page tables cannot be used.
enum LinuxKernelFault: Error, Equatable, Sendable {
  /// Its VMCOREINFO lacks this key.
  case missing(key: String)
  /// The page of the top-level table is not there, or damaged.
  case unreadableTable(HPA)
  /// Entry 511, where the kernel image is mapped, is not present.
  case noKernelImage(HPA)
  /// No 1 GiB aligned place of the kernel half maps this physical address the way the direct map does.
  case noDirectMap(of: HPA)
}

extension LinuxKernelFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .missing(let key): "its VMCOREINFO lacks \(key)"
    case .unreadableTable(let table): "the dump lacks the kernel's top-level page table at \(table)"
    case .noKernelImage(let table): "the table at \(table) does not map the kernel image"
    case .noDirectMap(let table): "no direct map shows \(table)"
    }
  }
}

/// Why no kernel follows from the regions of a dump without VMCOREINFO.
enum UnanchoredKernelFault: Error, Equatable, Sendable {
  /// No region led to a pointer from which a direct-map base follows.
  case noPointer
  /// None of the tables that the regions' HOST_CR3 name shows the direct map that the pointers tell of.
  case noKernel
  /// Regions lead to tables of another kernel, too, such as this one, and one of them is forged.
  case ambiguous(HPA)
  /// More regions than can be held against each other.
  case crowded
}

extension UnanchoredKernelFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .noPointer: "no region leads to a pointer of the kernel's direct map"
    case .noKernel: "no region's HOST_CR3 leads to the direct map that the regions' pointers tell of"
    case .ambiguous(let table):
      "regions lead to page tables of several kernels, such as those at \(table), and there is no VMCOREINFO to tell which "
        + "are the host's"
    case .crowded:
      "more than \(LinuxKernel.regionLimit) regions tell of a kernel, and there is no VMCOREINFO to tell which is the host's"
    }
  }
}

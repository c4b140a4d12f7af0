/// What must be known of a kernel to read the memory of its processes.
struct ProcessKnowledge: Sendable {
  let kernel: DescribedKernel
  let swapTypes: SwapTypes
  /// The mappings of the process whose `mm_struct` is given.
  let mappings: @Sendable (VirtualAddress) -> FileMappings
  /// The pages of files that the kernel has in memory; `nil`: not known.
  let files: @Sendable () -> FilePages?

  init(_ kernel: DescribedKernel) {
    self.kernel = kernel
    swapTypes = kernel.swapTypes
    let cache = Once { [swapped = swapTypes.swapped] in FilePages(kernel, swapped) }
    mappings = { mm in kernel.mappings(of: mm, cache) }
    files = { cache.value }
  }
}

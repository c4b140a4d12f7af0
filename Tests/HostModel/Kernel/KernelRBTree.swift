/// The kernel's red-black trees. Source: include/linux/rbtree_types.h.
enum KernelRBTree {
  /// Links nodes, in order, to a balanced tree: parent with the colour black in bit 0, right, left.
  /// - Returns: the root.
  static func link(
    _ nodes: ArraySlice<UInt64>, under parent: UInt64, kernel: BuiltKernel, in memory: inout SparseMemory
  ) -> UInt64 {
    guard !nodes.isEmpty else { return 0 }
    let middle = nodes.startIndex + nodes.count / 2
    let place = nodes[middle]
    let own = kernel.virtual(place)
    memory.store(parent | 1, at: place)
    memory.store(link(nodes[(middle + 1)...], under: own, kernel: kernel, in: &memory), at: place + 8)
    memory.store(link(nodes[..<middle], under: own, kernel: kernel, in: &memory), at: place + 16)
    return own
  }
}

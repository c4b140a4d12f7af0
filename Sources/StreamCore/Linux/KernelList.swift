/// A doubly linked list of the kernel that closes, with every back pointer intact. Source: include/linux/list.h.
///
/// It is what a forger cannot make: one of the nodes is a head in the kernel image or a module, whose two pointers only
/// the kernel writes, so every node between them was linked in by the kernel.
struct KernelList: Sendable, Equatable {
  /// The list's head: the one node in the mapping of the kernel image and the modules.
  let head: VirtualAddress
  /// All other nodes, in list order, beginning with the one the walk started from.
  let nodes: [VirtualAddress]

  /// A list whose head is known by its symbol.
  init(head: VirtualAddress, nodes: [VirtualAddress]) {
    self.head = head
    self.nodes = nodes
  }

  /// Follows `next` from `start` until it comes back.
  /// - Parameter budget: nodes that may still be visited, over all walks of one search.
  init?(from start: UInt64, kernel: LinuxKernel, budget: inout Int) {
    var nodes: [VirtualAddress] = []
    var heads: [VirtualAddress] = []
    var node = start
    repeat {
      guard budget > 0, kernel.isPointer(node), let next = kernel.u64(node), kernel.isPointer(next),
        kernel.u64(next &+ 8) == node
      else { return nil }
      budget -= 1
      let address = VirtualAddress(rawValue: node)
      if LinuxKernel.isImageOrModule(address) { heads.append(address) } else { nodes.append(address) }
      node = next
    } while node != start
    guard heads.count == 1 else { return nil }
    head = heads[0]
    self.nodes = nodes
  }
}

/// The nodes of a doubly linked list of the kernel, from a head that is known. A list that is cut, because the dump lacks
/// a node or a pointer is damaged, is followed from both ends. Source: include/linux/list.h.
struct KernelListWalk: Sendable {
  /// Nodes of one list at most.
  static let limit = 1 << 16

  /// In list order; where the list is cut, those before the cut, then those behind it.
  private(set) var nodes: [VirtualAddress] = []
  /// The node, or the head, whose pointers could not be followed from the front: the list may have more.
  private(set) var cut: VirtualAddress?

  init(head: VirtualAddress, kernel: LinuxKernel) {
    var seen: Set<UInt64> = [head.rawValue]
    let (front, isWhole) = Self.walk(from: head, next: 0, back: 8, kernel, &seen)
    nodes = front
    guard !isWhole else { return }
    cut = front.last ?? head
    let (behind, _) = Self.walk(from: head, next: 8, back: 0, kernel, &seen)
    nodes += behind.reversed()
  }

  /// Follows the pointers at `next` bytes of each node, as long as each node points back.
  private static func walk(
    from head: VirtualAddress, next: UInt64, back: UInt64, _ kernel: LinuxKernel, _ seen: inout Set<UInt64>
  ) -> (nodes: [VirtualAddress], isWhole: Bool) {
    var nodes: [VirtualAddress] = []
    var node = head.rawValue
    while nodes.count < limit {
      guard kernel.isPointer(node), let following = kernel.u64(node &+ next), kernel.isPointer(following),
        kernel.u64(following &+ back) == node
      else { return (nodes, false) }
      if following == head.rawValue { return (nodes, true) }
      guard seen.insert(following).inserted else { return (nodes, false) }
      nodes.append(VirtualAddress(rawValue: following))
      node = following
    }
    return (nodes, false)
  }
}

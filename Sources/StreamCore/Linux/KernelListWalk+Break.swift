extension KernelListWalk {
  /// What stands where the ways from both ends of a cut list stop.
  enum Break: Equatable, Sendable {
    /// Only one of two neighbours names the other: a pointer of this node is damaged, and no node is missing.
    case pointer(of: VirtualAddress)
    /// Both ways lead to this node, whose own pointers cannot be read or contradict them: it is the only one that
    /// `nodes` lacks.
    case node(VirtualAddress)
    /// Behind this node, or the head, there may be more than `nodes` has.
    case open(after: VirtualAddress)
  }

  /// - Parameter head: that the walk began with.
  func damage(head: VirtualAddress) -> Break? {
    guard let cut, let cutBehind else { return nil }
    let first = nodes.dropLast(behind).last ?? head
    let second = nodes.suffix(behind).first ?? head
    if cut.pointer == second.rawValue { return .pointer(of: second) }
    if cutBehind.pointer == first.rawValue { return .pointer(of: first) }
    guard let pointer = cut.pointer, pointer == cutBehind.pointer, cut.reason != .wild, cut.reason != .loop else {
      return .open(after: first)
    }
    return .node(VirtualAddress(rawValue: pointer))
  }
}

extension KernelListWalk.Break: CustomStringConvertible {
  var description: String {
    switch self {
    case .pointer(let node): "a pointer of the node at \(node) is damaged, and no node is missing"
    case .node(let node): "the node at \(node) cannot be read"
    case .open(let node): "it breaks off behind \(node), and nodes may be missing"
    }
  }
}

/// The nodes of a doubly linked list of the kernel, from a head that is known. A list that is cut, because the dump
/// lacks a node or a pointer is damaged, is followed from both ends. Source: include/linux/list.h.
struct KernelListWalk: Sendable {
  /// Nodes of one list at most.
  static let limit = 1 << 16

  enum Reason: Sendable, Equatable {
    /// The node that the pointer names, or the pointer itself.
    case unreadable(KernelReadFault)
    /// The pointer is no address that a node can have.
    case wild
    /// The node that the pointer names does not point back: one of the two is damaged.
    case oneWay
    /// The pointer leads to a node that was passed before.
    case loop
    case limit
  }

  /// Where a list could not be followed any further.
  struct Cut: Sendable, Equatable {
    /// The last node that was reached, or the head.
    var node: VirtualAddress
    /// Where it points, as far as that is known.
    var pointer: UInt64?
    var reason: Reason
  }

  /// In list order; where the list is cut, those before the cut, then those behind it.
  let nodes: [VirtualAddress]
  /// How many of the nodes were reached from the back alone.
  let behind: Int
  /// Where the list could not be followed from the front: it may have more nodes. `nil` when the list is whole.
  let cut: Cut?
  /// Where it could not be followed from the back.
  let cutBehind: Cut?

  /// - Parameter limit: nodes at most.
  init(head: VirtualAddress, kernel: LinuxKernel, limit: Int = limit) {
    var seen: Set<UInt64> = [head.rawValue]
    let (front, cut) = Self.walk(from: head, next: 0, back: 8, kernel, limit, &seen)
    self.cut = cut
    guard cut != nil else {
      nodes = front
      behind = 0
      cutBehind = nil
      return
    }
    let (back, cutBehind) = Self.walk(from: head, next: 8, back: 0, kernel, limit - front.count, &seen)
    nodes = front + back.reversed()
    behind = back.count
    self.cutBehind = cutBehind
  }

  /// Follows the pointers at `next` bytes of each node, as long as each node points back.
  private static func walk(
    from head: VirtualAddress, next: UInt64, back: UInt64, _ kernel: LinuxKernel, _ limit: Int,
    _ seen: inout Set<UInt64>
  ) -> (nodes: [VirtualAddress], cut: Cut?) {
    var nodes: [VirtualAddress] = []
    var node = head
    while true {
      var pointer: UInt64?
      do throws(KernelReadFault) {
        let following = try kernel.integer(node &+ next, size: 8)
        pointer = following
        guard kernel.isPointer(following) else { return (nodes, Cut(node: node, pointer: following, reason: .wild)) }
        let place = VirtualAddress(rawValue: following)
        guard try kernel.integer(place &+ back, size: 8) == node.rawValue else {
          return (nodes, Cut(node: node, pointer: following, reason: .oneWay))
        }
        if place == head { return (nodes, nil) }
        guard !seen.contains(following) else { return (nodes, Cut(node: node, pointer: following, reason: .loop)) }
        guard nodes.count < limit else { return (nodes, Cut(node: node, pointer: following, reason: .limit)) }
        seen.insert(following)
        nodes.append(place)
        node = place
      } catch {
        return (nodes, Cut(node: node, pointer: pointer, reason: .unreadable(error)))
      }
    }
  }
}

extension KernelListWalk.Cut: CustomStringConvertible {
  var description: String {
    let place = "\(node)" + (pointer.map { ", which points at \(hex($0))" } ?? "")
    return switch reason {
    case .unreadable(let fault): "at \(place): \(fault)"
    case .wild: "at \(place): no address of a node"
    case .oneWay: "at \(place): that does not point back"
    case .loop: "at \(place): passed before"
    case .limit: "at \(place): too many nodes"
    }
  }
}

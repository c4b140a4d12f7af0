/// The nodes of an rb-tree of the kernel, in order. Each node proves itself by its parent.
///
/// Source: include/linux/rbtree_types.h, `struct rb_node`: parent and colour, right, left.
struct KernelRBTree: Sendable {
  /// Nodes of one tree at most.
  static let limit = 1 << 16
  /// Bytes of a node.
  static let nodeBytes: UInt64 = 24

  enum Reason: Sendable, Equatable {
    case unreadable(KernelReadFault)
    /// What should be a node does not name its parent, or is no address of one.
    case noNode(UInt64)
    case limit
  }

  /// A part of the tree that could not be read: below this node, or all of it.
  struct Gap: Sendable, Equatable {
    var node: VirtualAddress?
    var reason: Reason
  }

  private(set) var nodes: [VirtualAddress] = []
  private(set) var gaps: [Gap] = []

  /// - Parameter root: `rb_root.rb_node` as it stands.
  init(root: UInt64, kernel: LinuxKernel, limit: Int = limit) {
    // Nodes whose left side is still to be read, or was, and which come next then. A tree of 2^16 has 32 levels at most.
    var open: [VirtualAddress] = []
    var next: (pointer: UInt64, parent: UInt64)? = root == 0 ? nil : (root, 0)
    var left = limit
    while true {
      while let (pointer, parent) = next {
        guard let words = read(pointer, parent: parent, kernel, &left) else {
          next = nil
          break
        }
        open.append(VirtualAddress(rawValue: pointer))
        next = words.left == 0 ? nil : (words.left, pointer)
      }
      guard let node = open.popLast() else { return }
      nodes.append(node)
      // It was read before: this finds it again.
      if let right = kernel.u64(node.rawValue &+ 8), right != 0 { next = (right, node.rawValue) }
    }
  }

  private mutating func read(
    _ pointer: UInt64, parent: UInt64, _ kernel: LinuxKernel, _ left: inout Int
  ) -> (left: UInt64, right: UInt64)? {
    let above = parent == 0 ? nil : VirtualAddress(rawValue: parent)
    guard left > 0 else {
      gaps.append(Gap(node: above, reason: .limit))
      return nil
    }
    left -= 1
    guard kernel.isPointer(pointer) else {
      gaps.append(Gap(node: above, reason: .noNode(pointer)))
      return nil
    }
    do throws(KernelReadFault) {
      let bytes = try kernel.read(VirtualAddress(rawValue: pointer), count: Int(Self.nodeBytes))
      let word = { (place: Int) -> UInt64 in bytes.load(place) ?? 0 }
      guard word(0) & ~3 == parent else {
        gaps.append(Gap(node: above, reason: .noNode(pointer)))
        return nil
      }
      return (word(16), word(8))
    } catch {
      gaps.append(Gap(node: above, reason: .unreadable(error)))
      return nil
    }
  }
}

extension KernelRBTree.Gap: CustomStringConvertible {
  var description: String {
    let place = node.map { "below \($0)" } ?? "at its root"
    return switch reason {
    case .unreadable(let fault): "\(place): \(fault)"
    case .noNode(let value): "\(place): \(hex(value)) is no node of it"
    case .limit: "\(place): too many nodes"
    }
  }
}

/// The kernel's xarray, as `kvm.vcpu_array` uses it: nodes of 64 slots, a tag of 2 on a pointer to a node.
struct KernelXArray {
  /// Builds the tree for entries 0, 1, 2, … Each node names its parent and the `struct xarray` at `array` that it belongs
  /// to. Source: Documentation/kvm.md §5; include/linux/xarray.h, struct xa_node.
  /// - Returns: `xa_head`, and where the nodes stand, the root first.
  static func build<Space: FrameSpace>(
    _ entries: [UInt64], array: UInt64, kernel: BuiltKernel, slab: inout KernelSlab, in space: inout Space
  ) throws(Space.Failure) -> (head: UInt64, nodes: [UInt64]) {
    var level = entries
    var places: [UInt64] = []
    var shift: UInt64 = 0
    repeat {
      var nodes: [UInt64] = []
      for start in stride(from: 0, to: level.count, by: 64) {
        let node = try slab.allocate(in: &space)
        let slots = level[start..<min(start + 64, level.count)]
        space.memory.store(shift, at: node, width: 1)
        space.memory.store(UInt64(start / 64 % 64), at: node + 1, width: 1)
        space.memory.store(UInt64(slots.count), at: node + 2, width: 1)
        space.memory.store(array, at: node + 16)
        for (place, value) in slots.enumerated() {
          space.memory.store(value, at: node + 40 + UInt64(place) * 8)
          // Above the lowest level the values are tagged nodes.
          if shift > 0 { space.memory.store(kernel.virtual(node), at: value - 2 - kernel.directMap + 8) }
        }
        nodes.append(kernel.virtual(node) | 2)
        places.append(node)
      }
      level = nodes
      shift += 6
    } while level.count > 1
    return (level.first ?? 0, places.reversed())
  }
}

/// The tree of a file's pages in memory, `address_space.i_pages`, in the form of its kernel.
/// Source: include/linux/xarray.h, lib/xarray.c; include/linux/radix-tree.h of 4.18; mm/shmem.c, fs/dax.c.
struct FileTree {
  let form: KernelShape.PageCacheForm
  /// The `struct xarray`, or the root of the radix tree.
  let array: UInt64
  let kernel: BuiltKernel

  /// What stands at an index and at the `1 << order` of which it is the first.
  struct Item {
    var index: UInt64
    var order: UInt64
    var value: UInt64
  }

  /// Marks of nodes, and of what is no pointer.
  private var nodeMark: UInt64 { form == .radixTree ? 1 : 2 }

  func value(_ number: UInt64) -> UInt64 { form == .radixTree ? number << 2 | 2 : number << 1 | 1 }

  /// - Parameter items: ascending, each at a multiple of its size.
  /// - Returns: the tree's head, and where its nodes stand.
  func build<Space: FrameSpace>(
    _ items: [Item], slab: inout KernelSlab, in space: inout Space
  ) throws(Space.Failure) -> (head: UInt64, nodes: [UInt64]) {
    guard let last = items.last else { return (0, []) }
    if items.count == 1, last.index == 0, last.order == 0 { return (last.value, []) }
    var nodes: [UInt64] = []
    let end = last.index + (1 << last.order) - 1
    var shift: UInt64 = 0
    while end >> shift >= 64 { shift += 6 }
    let head = try node(items[...], shift: shift, base: 0, parent: nil, slab: &slab, &nodes, in: &space)
    return (head, nodes)
  }

  private func node<Space: FrameSpace>(
    _ items: ArraySlice<Item>, shift: UInt64, base: UInt64, parent: (place: UInt64, slot: UInt64)?,
    slab: inout KernelSlab, _ nodes: inout [UInt64], in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let place = try slab.allocate(in: &space)
    nodes.append(place)
    space.memory.store(shift | (parent?.slot ?? 0) << 8, at: place)
    space.memory.store(parent.map { kernel.virtual($0.place) } ?? 0, at: place + 8)
    space.memory.store(array, at: place + 16)
    let slot = { (number: UInt64) in place + 40 + number * 8 }
    var rest = items
    while let item = rest.first {
      let number = (item.index - base) >> shift
      guard item.order < shift else {
        space.memory.store(item.value, at: slot(number))
        for other in 1..<UInt64(1) << (item.order - shift) {
          let sibling = form == .radixTree ? kernel.virtual(slot(number)) | 1 : number << 2 | 2
          space.memory.store(sibling, at: slot(number + other))
        }
        rest.removeFirst()
        continue
      }
      let start = base + number << shift
      let below = rest.prefix { $0.index < start + 1 << shift }
      let child = try node(
        below, shift: shift - 6, base: start, parent: (place, number), slab: &slab, &nodes, in: &space)
      space.memory.store(child, at: slot(number))
      rest = rest[below.endIndex...]
    }
    return kernel.virtual(place) | nodeMark
  }
}

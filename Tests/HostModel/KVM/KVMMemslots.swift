/// KVM's memory slots, as an rb-tree by guest frame. Source: Documentation/kvm.md §5.
public enum KVMMemslots {
  /// A run of guest frames and the VMM's address of its first byte.
  public struct Slot: Sendable {
    public var gfn: UInt64
    public var pages: UInt64
    public var hva: UInt64
    public var id: UInt16
    /// Its guest_memfd, `struct file`, and the page of it that is the first; only with kernels that have them.
    public var file: (address: UInt64, page: UInt64)?

    public init(gfn: UInt64, pages: UInt64, hva: UInt64, id: UInt16) {
      self.gfn = gfn
      self.pages = pages
      self.hva = hva
      self.id = id
    }
  }

  /// Writes the slots and returns the tree's root pointer, for generation set 0.
  static func build<Space: FrameSpace>(
    _ slots: [Slot], kernel: BuiltKernel, slab: inout KernelSlab, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    try subtree(slots.sorted { $0.gfn < $1.gfn }[...], under: 0, kernel: kernel, slab: &slab, in: &space)
  }

  private static func subtree<Space: FrameSpace>(
    _ slots: ArraySlice<Slot>, under parent: UInt64, kernel: BuiltKernel, slab: inout KernelSlab, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    guard !slots.isEmpty else { return 0 }
    let middle = slots.startIndex + slots.count / 2
    let slot = slots[middle]
    let place = try slab.allocate(in: &space)
    let own = kernel.virtual(place + 128)
    let right = try subtree(slots[(middle + 1)...], under: own, kernel: kernel, slab: &slab, in: &space)
    let left = try subtree(slots[..<middle], under: own, kernel: kernel, slab: &slab, in: &space)
    space.memory.store(parent | 1, at: place + 128)
    space.memory.store(right, at: place + 128 + 8)
    space.memory.store(left, at: place + 128 + 16)
    space.memory.store(slot.gfn, at: place + 176)
    space.memory.store(slot.pages, at: place + 184)
    space.memory.store(slot.hva, at: place + 248)
    space.memory.store(UInt64(slot.id), at: place + 260, width: 2)
    return own
  }

  /// `struct kvm_memslots` since 5.17, bytes.
  static let setSize: UInt64 = 1072

  /// Writes the slots of one address space into the trees of both sets: node 0 and node 1 of each slot.
  /// - Returns: the two roots, and where the slots stand.
  static func buildPair<Space: FrameSpace>(
    _ slots: [Slot], addressSpace: UInt64, kernel: BuiltKernel, slab: inout KernelSlab, in space: inout Space
  ) throws(Space.Failure) -> (roots: [UInt64], slots: [UInt64]) {
    var places: [UInt64] = []
    let ascending = slots.sorted { $0.gfn < $1.gfn }
    for slot in ascending {
      let place = try slab.allocate(in: &space)
      space.memory.store(slot.gfn, at: place + 176)
      space.memory.store(slot.pages, at: place + 184)
      space.memory.store(slot.hva, at: place + 248)
      space.memory.store(UInt64(slot.id), at: place + 260, width: 2)
      space.memory.store(addressSpace, at: place + 262, width: 2)
      if let file = slot.file {
        space.memory.store(4, at: place + 256, width: 4)
        space.memory.store(file.address, at: place + 264)
        space.memory.store(file.page, at: place + 272)
      }
      places.append(place)
    }
    let roots = [128, 152].map { node in
      KernelRBTree.link(places.map { $0 + node }[...], under: 0, kernel: kernel, in: &space.memory)
    }
    return (roots, places)
  }
}

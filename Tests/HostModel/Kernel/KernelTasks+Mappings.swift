extension KernelTasks {
  /// Puts a page into the swap cache or into zswap.
  public mutating func swapOut<Space: FrameSpace>(
    type: UInt64, offset: UInt64, _ page: KernelSwap.Page, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    switch page {
    case .cached(let frame, let order, let isUpToDate):
      try swap?.cache(
        frame, order: order, type: type, offset: offset, isUpToDate: isUpToDate, &objects.map, kernel: kernel,
        in: &space)
    case .zero: swap?.storeZero(type: type, offset: offset)
    case .kept(let kept):
      try swap?.store(kept, type: type, offset: offset, &objects.map, kernel: kernel, in: &space)
    }
  }

  /// Ends the areas.
  public mutating func finishSwap<Space: FrameSpace>(
    kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    try swap?.finish(&objects.map, kernel: kernel, in: &space)
  }

  /// Processes' mappings, and the trees of the files behind them.
  public var mappingStructures: [BuiltStructure] { objects.structures }

  /// Writes what a process maps, in the tree of its kernel.
  /// - Parameter memory: its `struct mm_struct`.
  public mutating func writeMappings<Space: FrameSpace>(
    _ own: ProcessMappings, of memory: UInt64, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    var mappings = ProcessMappings.program()
    mappings.add(own)
    var files: [UInt64] = []
    for file in mappings.files { files.append(try writeMapped(file, kernel: kernel, in: &space).file) }
    var areas: [(addresses: Range<UInt64>, place: UInt64)] = []
    for area in mappings.areas.sorted(by: { $0.addresses.lowerBound < $1.addresses.lowerBound }) {
      let place = try objects.areas.allocate(in: &space)
      let words: [(UInt64, UInt64)] = [
        (KernelShape.areaStart, area.addresses.lowerBound), (KernelShape.areaEnd, area.addresses.upperBound),
        (shape.areaFlags, area.flags), (shape.areaPage, area.page),
        (shape.areaFile, area.file.map { kernel.virtual(files[$0]) } ?? 0),
      ]
      for (offset, value) in words { space.memory.store(value, at: place + offset) }
      areas.append((area.addresses, place))
      objects.structures.append(BuiltStructure("vm_area_struct", at: place, size: KernelShape.areaSize))
    }
    let root = memory + shape.mappings
    if shape.isMaple {
      let tree = KernelMapleTree(kernel: kernel, tree: kernel.virtual(root))
      let entries = areas.map { (indexes: $0.addresses, pointer: kernel.virtual($0.place)) }
      let built = try tree.build(entries, slab: &objects.nodes, in: &space)
      objects.structures += built.nodes.map { BuiltStructure("maple_node", at: $0, size: 256) }
      space.memory.store(built.root, at: root + 8)
    } else {
      let nodes = areas.map { $0.place + KernelShape.areaNode }
      space.memory.store(
        KernelRBTree.link(nodes[...], under: 0, kernel: kernel, in: &space.memory), at: root)
    }
  }

  /// A guest_memfd, and the attributes of a VM or of the file itself that say of which guest frames it has the pages.
  /// - Parameters:
  ///   - frames: that are private.
  ///   - pages: of the file, ascending and apart, that are private in it.
  ///   - size: of the file, pages.
  /// - Returns: the virtual address of the `struct file`.
  public mutating func writeGuestFile<Space: FrameSpace>(
    _ file: ProcessMappings.File, private frames: [UInt64], pages: [Range<UInt64>], size: UInt64,
    of kvm: BuiltKernel.Mapping, _ form: KVMShape.KVMForm, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let (place, inode) = try writeMapped(
      file, inodeAt: form.ownAttributes == nil ? 0 : KVMShape.guestMemoryInode, kernel: kernel, in: &space)
    if let own = form.ownAttributes {
      // Every page has an entry, all private as it was made.
      let root = inode - KVMShape.guestMemoryInode + KVMShape.guestMemoryAttributes
      var entries: [(indexes: Range<UInt64>, pointer: UInt64)] = []
      var at: UInt64 = 0
      for run in own == .outOfPlace ? [0..<size] : pages {
        if run.lowerBound > at { entries.append((at..<run.lowerBound, 1)) }
        entries.append((run, 8 << 1 | 1))
        at = run.upperBound
      }
      if at < size { entries.append((at..<size, 1)) }
      let tree = KernelMapleTree(kernel: kernel, tree: kernel.virtual(root))
      let built = try tree.build(entries, slab: &objects.nodes, in: &space)
      objects.structures += built.nodes.map { BuiltStructure("gmem_node", at: $0, size: 256) }
      space.memory.store(built.root, at: root + 8)
      guard own == .outOfPlace else { return kernel.virtual(place) }
    }
    guard let attributes = form.attributes else { return kernel.virtual(place) }
    let tree = FileTree(form: shape.pageCacheForm, array: kvm.virtual + attributes, kernel: kernel)
    // KVM_MEMORY_ATTRIBUTE_PRIVATE.
    let items = frames.map { FileTree.Item(index: $0, order: 0, value: tree.value(8)) }
    let head = try tree.build(items, slab: &objects.fileNodes, in: &space).head
    space.memory.store(head, at: kvm.physical(attributes + 8))
    return kernel.virtual(place)
  }

  /// A file with its inode and its pages.
  /// - Parameter inodeAt: bytes from the start of what the inode is a part of.
  /// - Returns: the `struct file`, and its inode.
  private mutating func writeMapped<Space: FrameSpace>(
    _ mapped: ProcessMappings.File, inodeAt: UInt64 = 0, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> (file: UInt64, inode: UInt64) {
    let place = try objects.inodes.allocate(in: &space)
    let inode = try objects.inodes.allocate(in: &space) + inodeAt
    let pages = try objects.inodes.allocate(in: &space)
    let block = try objects.inodes.allocate(in: &space)
    space.memory.store(0o100600, at: inode, width: 2)
    if mapped.kind == .dax { space.memory.store(1 << 13, at: inode + KernelShape.inodeFlags, width: 4) }
    let pointers = [
      (place + shape.fileInode, inode), (place + shape.fileMapping, pages), (inode + KernelShape.inodeSuper, block),
      (inode + KernelShape.inodeMapping, pages), (pages, inode),
    ]
    for (from, to) in pointers { space.memory.store(kernel.virtual(to), at: from) }
    var unit: UInt64 = 0
    if case .huge(let order) = mapped.kind {
      if shape.countsHugePages { unit = order }
      let info = try objects.inodes.allocate(in: &space)
      let state = try objects.inodes.allocate(in: &space)
      space.memory.store(kernel.virtual(info), at: block + KernelShape.superInfo)
      space.memory.store(kernel.virtual(state), at: info + KernelShape.infoState)
      space.memory.store(order, at: state + shape.stateOrder, width: 4)
    }
    let tree = FileTree(
      form: shape.pageCacheForm, array: kernel.virtual(pages + KernelShape.spacePages), kernel: kernel)
    let items = mapped.entries.flatMap { self.items($0, of: mapped.kind, unit: unit, tree, vmemmap: kernel.vmemmap) }
    for entry in mapped.entries where mapped.kind != .dax {
      guard case .frame(let frame) = entry.content else { continue }
      guard entry.isUpToDate else {
        _ = try objects.map.place(of: frame, kernel: kernel, in: &space)
        continue
      }
      try objects.map.markUpToDate(
        frame, order: entry.order, hasTails: tree.form == .radixTree && entry.order <= 9, shape, kernel: kernel,
        in: &space)
    }
    if mapped.kind == .ordinary, mapped.isShared {
      space.memory.store(
        kernel.stext + BuiltKernel.DataPlace.sharedOperations, at: pages + KernelShape.spaceOperations)
    }
    let (head, nodes) = try tree.build(items, slab: &objects.fileNodes, in: &space)
    objects.structures += nodes.map { BuiltStructure("xa_node", at: $0, size: 576) }
    objects.structures.append(BuiltStructure("address_space", at: pages, size: 200))
    space.memory.store(head, at: pages + KernelShape.spaceHead)
    return (place, inode)
  }

  /// What stands in the tree for a page.
  /// - Parameter unit: the order of what the file's index counts.
  private func items(
    _ entry: ProcessMappings.File.Entry, of kind: ProcessMappings.File.Kind, unit: UInt64, _ tree: FileTree,
    vmemmap: UInt64
  ) -> [FileTree.Item] {
    let index = entry.page >> unit
    let order = entry.order - min(unit, entry.order)
    guard case .frame(let frame) = entry.content else {
      guard case .swapped(let type, let offset) = entry.content else { return [] }
      return [FileTree.Item(index: index, order: 0, value: tree.value(shape.swapEntry(type: type, offset: offset)))]
    }
    // Bit 1: of a large page.
    if kind == .dax {
      return [FileTree.Item(index: index, order: order, value: tree.value(frame << 4 | (order > 0 ? 2 : 0)))]
    }
    let page = { (frame: UInt64) in vmemmap + frame * KernelShape.pageSize }
    switch tree.form {
    case .multiIndex: return [FileTree.Item(index: index, order: order, value: page(frame))]
    case .repeatedHeads:
      return (0..<1 << order).map { FileTree.Item(index: index + $0, order: 0, value: page(frame)) }
    case .radixTree:
      return (0..<1 << order).map { FileTree.Item(index: index + $0, order: 0, value: page(frame + $0)) }
    }
  }
}

/// What mappings and files are allocated from.
struct MappingSlabs: Sendable {
  var areas = KernelSlab(objectSize: KernelShape.areaSize, slabFrames: 4)
  var nodes = KernelSlab(objectSize: 256, slabFrames: 4)
  var inodes = KernelSlab(objectSize: 1024, slabFrames: 8)
  var fileNodes = KernelSlab(objectSize: 576, slabFrames: 4)
  /// What was built of them.
  var structures: [BuiltStructure] = []
  /// Of all pages that something is said of.
  var map = MemoryMap()
}

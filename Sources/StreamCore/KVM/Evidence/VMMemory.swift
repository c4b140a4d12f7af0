/// The memory of a VM as its host's kernel has it: the slots of its ordinary address space, and the VMM whose memory they
/// lead to. Source: Documentation/kvm.md §5.5, §5.8.
struct VMMemory: Sendable {
  /// The user's, in order of guest frames; they are disjoint.
  let slots: [MemorySlot]
  /// KVM's own, likewise in order, which are no memory of the guest.
  let reserved: [MemorySlot]
  /// The first thing that hides a slot; `nil`: these are all.
  let gap: VMMemoryFault?
  /// The VMM's, by its page tables.
  let pages: ProcessPages
  /// Where pages are that the VMM's page tables do not lead to; `nil`: no slot has such, or it is not known.
  private(set) var privatePages: PrivatePages?

  var isWhole: Bool { gap == nil }

  /// Whether the VMM has a device at all addresses of a slot, as its mappings say.
  func isDevice(_ slot: MemorySlot) -> Bool {
    let first = slot.page(slot.frames.lowerBound)
    return pages.mappings.isDevice(first..<first &+ UInt64(slot.frames.count))
  }

  /// Bytes of an array of slots that are read at most: 32,764 of 88 bytes each are 2.9 MB.
  private static let arrayLimit: UInt64 = 8 << 20

  init(
    of kvm: VirtualAddress, _ types: SlotTypes, kernel: LinuxKernel, processes: ProcessKnowledge
  ) throws(VMMemoryFault) {
    let mm = try Self.mm(of: kvm, types, kernel)
    try self.init(of: kvm, types, Self.pages(of: mm, types, kernel, processes), kernel)
    guard slots.contains(where: \.hasOwnFile) else { return }
    privatePages = PrivatePages(of: kvm, MemoryAttributes(processes.kernel), processes.files())
  }

  /// - Parameter pages: of the VMM.
  init(
    of kvm: VirtualAddress, _ types: SlotTypes, _ pages: ProcessPages, _ kernel: LinuxKernel
  ) throws(VMMemoryFault) {
    self.pages = pages
    let found = try Self.slots(of: kvm, types, kernel)
    gap = found.gap
    let all = found.slots.filter { !$0.isInvalid }.sorted { $0.frames.lowerBound < $1.frames.lowerBound }
    slots = all.filter { $0.id < types.privateID }
    reserved = all.filter { $0.id >= types.privateID }
    for (slot, next) in zip(slots, slots.dropFirst()) where slot.frames.upperBound > next.frames.lowerBound {
      throw .overlap(slot.id, next.id)
    }
  }

  /// The VMM's `struct mm_struct`, which KVM's notifier names, too.
  static func mm(
    of kvm: VirtualAddress, _ types: SlotTypes, _ kernel: LinuxKernel
  ) throws(VMMemoryFault) -> VirtualAddress {
    let mm = try pointer(kvm &+ (types.mm ?? 0), "its mm", kernel)
    // Both are set once. A copy that the dump lacks contradicts nothing.
    if let place = types.notifiedMM, let other = kernel.u64((kvm &+ place).rawValue), other != mm.rawValue {
      throw .otherMM(mm, notified: other)
    }
    return mm
  }

  /// The memory of a process by its `struct mm_struct`.
  static func pages(
    of mm: VirtualAddress, _ types: SlotTypes, _ kernel: LinuxKernel, _ processes: ProcessKnowledge
  ) throws(VMMemoryFault) -> ProcessPages {
    let pgd = try word(mm &+ (types.pgd ?? 0), "pgd of its mm", kernel)
    guard let root = kernel.page(named: pgd) else { throw .noTable(pgd) }
    guard case .same = kernel.kernelHalf(ofCR3: root.rawValue) else { throw .foreignTable(root) }
    return ProcessPages(
      memory: kernel.memory, root: root, levels: kernel.levels, frameMask: kernel.frameMask,
      swapTypes: processes.swapTypes,
      mappings: processes.mappings(mm))
  }

  private static func slots(
    of kvm: VirtualAddress, _ types: SlotTypes, _ kernel: LinuxKernel
  ) throws(VMMemoryFault) -> (slots: [MemorySlot], gap: VMMemoryFault?) {
    let set = try pointer(kvm &+ types.sets, "its memslots", kernel)
    switch types.form {
    case .tree(let root, let nodeIndex, let nodes):
      let top = try word(set &+ root, "the root of its memory slots", kernel)
      let index = try word(set &+ nodeIndex, "node_idx of its memory slots", kernel, size: 4)
      guard index < 2 else { throw .noIndex(index) }
      let tree = KernelRBTree(root: top, kernel: kernel, limit: Int(Int16.max))
      let places = tree.nodes.map { $0 &- (nodes + index * KernelRBTree.nodeBytes) }
      return slots(at: places, gap: tree.gaps.first.map(VMMemoryFault.tree), types, kernel)
    case .array(let start, let used, let stride):
      let count = try word(set &+ used, "used_slots of its memory slots", kernel, size: 4)
      guard count <= UInt64(Int16.max), count * stride <= arrayLimit else { throw .tooMany(count) }
      return slots(at: (0..<count).map { set &+ (start + $0 * stride) }, gap: nil, types, kernel)
    }
  }

  private static func slots(
    at places: [VirtualAddress], gap: VMMemoryFault?, _ types: SlotTypes, _ kernel: LinuxKernel
  ) -> (slots: [MemorySlot], gap: VMMemoryFault?) {
    var gap = gap
    var slots: [MemorySlot] = []
    for place in places {
      do throws(VMMemoryFault) { slots.append(try slot(place, types, kernel)) } catch { gap = gap ?? error }
    }
    return (slots, gap)
  }

  private static func slot(
    _ place: VirtualAddress, _ types: SlotTypes, _ kernel: LinuxKernel
  ) throws(VMMemoryFault) -> MemorySlot {
    let read = { (offset: UInt64, size: Int) throws(VMMemoryFault) -> UInt64 in
      try word(place &+ offset, "a memory slot", kernel, size: size)
    }
    let slot = MemorySlot(
      gfn: try read(types.gfn, 8), pages: try read(types.pages, 8), hva: try read(types.hva, 8),
      flags: UInt32(truncatingIfNeeded: try read(types.flags, 4)), id: UInt16(truncatingIfNeeded: try read(types.id, 2))
    )
    guard var slot else { throw .noSlot(place) }
    if slot.hasOwnFile, let places = types.ownFile {
      let file = try read(places.file, 8)
      let page = try read(places.page, 8)
      if kernel.isPointer(file), page < 1 << 52 {
        slot.file = .init(file: VirtualAddress(rawValue: file), page: page)
      }
    }
    return slot
  }

  private static func word(
    _ place: VirtualAddress, _ what: String, _ kernel: LinuxKernel, size: Int = 8
  ) throws(VMMemoryFault) -> UInt64 {
    do throws(KernelReadFault) { return try kernel.integer(place, size: size) } catch {
      throw .unreadable(what, error)
    }
  }

  private static func pointer(
    _ place: VirtualAddress, _ what: String, _ kernel: LinuxKernel
  ) throws(VMMemoryFault) -> VirtualAddress {
    let value = try word(place, what, kernel)
    guard kernel.isPointer(value) else { throw .noPointer(what, value) }
    return VirtualAddress(rawValue: value)
  }
}

/// Why the memory of a VM is not known by its slots.
enum VMMemoryFault: Error, Equatable, Sendable {
  case unreadable(String, KernelReadFault)
  case noPointer(String, UInt64)
  /// KVM's notifier serves another process' memory.
  case otherMM(VirtualAddress, notified: UInt64)
  /// No page of the direct map, which a page table is in.
  case noTable(UInt64)
  /// The kernel's half of the table is not this kernel's.
  case foreignTable(HPA)
  case noIndex(UInt64)
  case tree(KernelRBTree.Gap)
  case tooMany(UInt64)
  case noSlot(VirtualAddress)
  case overlap(UInt16, UInt16)
  /// The dump lacks the VMM's page tables.
  case noPages
  /// Of the kernel's types.
  case types(TypeFault)
}

extension VMMemoryFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .unreadable(let what, let fault): "\(what): \(fault)"
    case .noPointer(let what, let value): "\(what) is \(hex(value)), which is no address of the kernel"
    case .otherMM(let mm, let other): "its mm is \(mm), and its mmu_notifier's \(hex(other))"
    case .noTable(let value): "pgd of its mm is \(hex(value)), which is no page of the direct map"
    case .foreignTable(let table): "pgd of its mm, at \(table), is no table of this kernel"
    case .noIndex(let index): "node_idx of its memory slots is \(index)"
    case .tree(let gap): "its tree of memory slots cannot be read \(gap)"
    case .tooMany(let count): "it has \(count) memory slots"
    case .noSlot(let place): "what is at \(place) can be no memory slot"
    case .overlap(let one, let other): "its memory slots \(one) and \(other) overlap"
    case .noPages: "the page tables of its VMM are damaged or not in the dump"
    case .types(let fault): "\(fault)"
    }
  }
}

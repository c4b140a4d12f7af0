extension KVMModule {
  /// Pages behind a new `struct kvm`.
  public func makeMachine<Space: FrameSpace>(
    kernel: inout BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> BuiltKernel.Mapping {
    guard shape.kvm.isInDirectMap else { return try kernel.vmalloc(pages: shape.kvmPages, in: &space) }
    let count = UInt64(shape.kvmPages)
    let frame = try space.allocate(count, alignment: count)
    return BuiltKernel.Mapping(virtual: kernel.virtual(frame << 12), frames: Array(frame..<frame + count))
  }

  /// Fills a `struct kvm`: the VMM's `mm`, its vCPUs, its memory slots.
  /// - Parameters:
  ///   - slots: of the guest's RAM. Where there are none, no slots are written at all.
  ///   - pid: of the VMM.
  ///   - vmm: the VMM of a host that describes itself.
  /// - Returns: the slots, where the host describes itself, and the nodes of the vCPUs' xarray, or the array of vCPUs.
  public mutating func write<Space: FrameSpace>(
    _ kvm: BuiltKernel.Mapping, process: PageTables, vcpus: [UInt64], slots: [KVMMemslots.Slot], pid: UInt64,
    vmm: BuiltProcess? = nil, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> [BuiltStructure] {
    var structures: [BuiltStructure] = []
    let mm: UInt64
    if let vmm {
      mm = vmm.memory
      structures = try writeAllSlots(kvm, slots, kernel: kernel, in: &space)
      if let place = shape.kvm.statsID {
        for (index, byte) in "kvm-\(pid)".utf8.enumerated() {
          space.memory.store(UInt64(byte), at: kvm.physical(place + UInt64(index)), width: 1)
        }
      }
    } else {
      mm = try space.allocatePage()
      // mm_struct.pgd, where Debian's 6.1 has it: measured on a real dump.
      space.memory.store(kernel.virtual(process.root), at: mm + 72)
    }
    let entries = vcpus.map { kernel.virtual($0) }
    let form = shape.kvm
    if form.isXArray {
      if vmm == nil && !slots.isEmpty { try writeMemslots(kvm, slots, kernel: kernel, in: &space) }
      let array = try KernelXArray.build(
        entries, array: kvm.virtual + form.vcpus, kernel: kernel, slab: &nodeSlab, in: &space)
      space.memory.store(array.head, at: kvm.physical(form.vcpus + 8))
      structures += array.nodes.map { BuiltStructure("xa_node", at: $0, size: 576) }
    } else {
      for (place, entry) in entries.enumerated() {
        space.memory.store(entry, at: kvm.physical(form.vcpus + UInt64(place) * 8))
      }
      let used = form.vcpus..<form.vcpus + UInt64(entries.count) * 8
      structures.append(BuiltStructure("kvm.vcpus", parts: kvm.parts(used)))
    }
    space.memory.store(kernel.virtual(mm), at: kvm.physical(form.mm))
    space.memory.store(UInt64(entries.count), at: kvm.physical(form.online), width: 4)
    space.memory.store(UInt64(entries.count), at: kvm.physical(form.created), width: 4)
    space.memory.store(pid, at: kvm.physical(shape.userspacePID))
    return structures
  }

  private mutating func writeMemslots<Space: FrameSpace>(
    _ kvm: BuiltKernel.Mapping, _ slots: [KVMMemslots.Slot], kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    let sets = shape.kvm.memslotSets
    let tree = try KVMMemslots.build(
      slots + [KVMModule.apicSlot(isXArray: true)], kernel: kernel, slab: &slotSlab, in: &space)
    let words: [(UInt64, UInt64)] = [
      (sets, 0x56), (sets + 32, tree), (shape.kvm.memslots, kvm.virtual + sets),
      (shape.kvm.memslots + 8, kvm.virtual + sets + 2 * KVMMemslots.setSize),
    ]
    for (offset, value) in words { space.memory.store(value, at: kvm.physical(offset)) }
  }
}

extension KVMModule {
  /// Pages behind a new `struct kvm`.
  public func makeMachine<Space: FrameSpace>(
    kernel: inout BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> BuiltKernel.Mapping {
    try kernel.vmalloc(pages: shape.kvmPages, in: &space)
  }

  /// Fills a `struct kvm`: the VMM's `mm`, its vCPUs, its memory slots.
  /// - Parameters:
  ///   - slots: of the guest's RAM. Where there are none, no slots are written at all.
  ///   - pid: of the VMM.
  public mutating func write<Space: FrameSpace>(
    _ kvm: BuiltKernel.Mapping, process: PageTables, vcpus: [UInt64], slots: [KVMMemslots.Slot], pid: UInt64,
    kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    let mm = try space.allocatePage()
    // mm_struct.pgd, where Debian's 6.1 has it: measured on a real dump.
    space.memory.store(kernel.virtual(process.root), at: mm + 72)
    let entries = vcpus.map { kernel.virtual($0) }
    let form = shape.kvm
    if form.isXArray {
      if !slots.isEmpty { try writeMemslots(kvm, slots, kernel: kernel, in: &space) }
      let array = try KernelXArray.build(
        entries, array: kvm.virtual + form.vcpus, kernel: kernel, slab: &nodeSlab, in: &space)
      space.memory.store(array, at: kvm.physical(form.vcpus + 8))
    } else {
      for (place, entry) in entries.enumerated() {
        space.memory.store(entry, at: kvm.physical(form.vcpus + UInt64(place) * 8))
      }
    }
    space.memory.store(kernel.virtual(mm), at: kvm.physical(form.mm))
    space.memory.store(UInt64(entries.count), at: kvm.physical(form.online), width: 4)
    space.memory.store(UInt64(entries.count), at: kvm.physical(form.created), width: 4)
    space.memory.store(pid, at: kvm.physical(shape.userspacePID))
  }

  private mutating func writeMemslots<Space: FrameSpace>(
    _ kvm: BuiltKernel.Mapping, _ slots: [KVMMemslots.Slot], kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    // The private slot of the APIC access page: not guest RAM.
    let apicSlot = KVMMemslots.Slot(gfn: 0xfee00, pages: 1, hva: 0x7eff_0000_0000, id: 32765)
    let tree = try KVMMemslots.build(slots + [apicSlot], kernel: kernel, slab: &slotSlab, in: &space)
    let words: [(UInt64, UInt64)] = [
      (KVMShape.kvmMemslotSets, 0x56), (KVMShape.kvmMemslotSets + 32, tree),
      (KVMShape.kvmMemslots, kvm.virtual + KVMShape.kvmMemslotSets),
      (KVMShape.kvmMemslots + 8, kvm.virtual + KVMShape.kvmMemslotSets + 2 * 1072),
    ]
    for (offset, value) in words { space.memory.store(value, at: kvm.physical(offset)) }
  }
}

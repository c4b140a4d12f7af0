extension KVMModule {
  /// The VMM as the kernel sees it, before `struct kvm` is filled: a process with a thread for each vCPU, and the files
  /// that stand for the VM and the vCPUs.
  /// - Parameter name: of the VM, bytes without NUL; `nil`: the arguments say none.
  public static func vmm(
    _ program: VMMProgram = .qemu, name: [UInt8]?, pid: UInt64, vcpus: [BuiltVCPU], kvm: BuiltKernel.Mapping,
    module: KVMModule, kernel: BuiltKernel
  ) -> ProcessDescription {
    var process = ProcessDescription(name: program.comm, pid: pid, arguments: [])
    process.arguments = program.arguments(name: name)
    process.threads = vcpus.map { (program.thread($0.vcpuID), pid + 3 + UInt64($0.vcpuID), $0.stack.virtual) }
    process.running = Set(vcpus.filter { $0.state == .running }.map { pid + 3 + UInt64($0.vcpuID) })
    process.files =
      [(module.machineOperations, kvm.virtual)] + vcpus.map { (module.vcpuOperations, kernel.virtual($0.vcpuAddress)) }
    return process
  }

  /// What a host that describes itself has in a vCPU beyond what every host has: its thread, its MMU's root, its FPU.
  public func writeEvidence<Space: FrameSpace>(
    of vcpu: BuiltVCPU, thread: UInt64, eptPointer: UInt64, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    let place = vcpu.vcpuAddress
    let mmu = place + shape.registers + shape.vcpu.mmu
    space.memory.store(kernel.virtual(thread), at: place + shape.vcpu.pid)
    space.memory.store(kernel.virtual(mmu + 8), at: mmu)
    // INVALID_PAGE: nothing has run yet.
    let root = vcpu.state == .neverRun ? ~0 : eptPointer & PageTables.addressMask
    space.memory.store(root, at: mmu + 8 + shape.vcpu.rootHPA)
    // The walk length less one, in bits 5:3 of the pointer.
    space.memory.store(eptPointer >> 3 & 7 + 1, at: mmu + 8 + shape.rootLevel, width: 1)
    if !shape.isAMD {
      space.memory.store(vcpu.state == .running ? 1 : 0, at: place + shape.stateLoaded, width: 1)
    }
    guard shape.vcpu.hasFPState || shape.vcpu.hasPlainFPU else { return }
    let state = try space.allocate(2) << 12
    space.memory.store(kernel.virtual(state), at: place + shape.fpstate)
    let isInRun = vcpu.state == .running || vcpu.state == .halted
    if shape.vcpu.hasPlainFPU {
      space.memory.store(7, at: place + shape.supportedXCR0)
      // A task, and MUTEX_FLAG_WAITERS.
      space.memory.store(isInRun ? kernel.virtual(thread) | 1 : 1, at: place + shape.vcpu.mutex)
    } else {
      space.memory.store(7, at: place + shape.fpuPlace)
      space.memory.store(0x340_0000_0340, at: state)
      space.memory.store(7, at: state + 8)
      space.memory.store(7, at: state + 16)
      // is_valloc, is_guest; in_use: whose thread is in KVM_RUN.
      space.memory.store(isInRun ? 0xb : 3, at: state + 32, width: 4)
    }
    let area = state + 64
    space.memory.store(0x37f, at: area, width: 2)
    space.memory.store(0x1f80, at: area + 24, width: 4)
    for word in 0..<32 as Range<UInt64> {
      space.memory.store(SplitMix64.mix(vcpu.vmcs + word), at: area + 160 + word * 8)
    }
    // XSTATE_BV: x87 and SSE are in use, AVX is in its initial state.
    space.memory.store(3, at: area + 512)
  }

  /// The memory slots of a host that describes itself, in the form that its types tell.
  /// - Returns: what stands apart from `struct kvm`.
  mutating func writeAllSlots<Space: FrameSpace>(
    _ kvm: BuiltKernel.Mapping, _ slots: [KVMMemslots.Slot], kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> [BuiltStructure] {
    var structures: [BuiltStructure] = []
    let all = slots + [KVMModule.apicSlot(isXArray: shape.kvm.isXArray)]
    for addressSpace in 0..<2 as Range<UInt64> {
      let set: UInt64
      if shape.kvm.isXArray {
        // Each slot stands in the trees of both sets; the second of address space 0 is in use.
        let tree = try KVMMemslots.buildPair(
          all, addressSpace: addressSpace, kernel: kernel, slab: &slotSlab, in: &space)
        structures += tree.slots.map { BuiltStructure("kvm_memory_slot", at: $0, size: shape.kvm.slotSize) }
        for index in 0..<2 as Range<UInt64> {
          let place = shape.kvm.memslotSets + (addressSpace * 2 + index) * KVMMemslots.setSize
          space.memory.store(0x56 + index, at: kvm.physical(place))
          space.memory.store(tree.roots[Int(index)], at: kvm.physical(place + 32))
          space.memory.store(index, at: kvm.physical(place + 1064), width: 4)
        }
        let active: UInt64 = addressSpace == 0 ? 1 : 0
        set = kvm.virtual + shape.kvm.memslotSets + (addressSpace * 2 + active) * KVMMemslots.setSize
      } else {
        let place = try shape.arraySlots.build(all, addressSpace: addressSpace, in: &space)
        structures.append(BuiltStructure("kvm_memslots", at: place, size: shape.arraySlots.length(all.count)))
        set = kernel.virtual(place)
      }
      space.memory.store(set, at: kvm.physical(shape.kvm.memslots + addressSpace * 8))
    }
    return structures
  }

  /// The private slot of the APIC access page: not guest RAM. It is the second but last of 512 or of 32,767.
  static func apicSlot(isXArray: Bool) -> KVMMemslots.Slot {
    KVMMemslots.Slot(gfn: 0xfee00, pages: 1, hva: 0x7eff_0000_0000, id: isXArray ? 32765 : 510)
  }
}

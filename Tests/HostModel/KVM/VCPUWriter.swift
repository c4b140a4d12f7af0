/// Writes a `struct vcpu_vmx` at a physical address. Source: Documentation/kvm.md §1, §3 and §6.
struct VCPUWriter {
  let place: UInt64
  let shape: KVMShape
  let kernel: BuiltKernel
  let cpu: GuestCPU

  /// regs_avail and regs_dirty by state, as seen on real hosts.
  private var cached: (available: UInt64, dirty: UInt64) {
    // Nothing clears the bits above the known ones.
    switch cpu.state {
    case .running: (0xffff_ffff_ff00_ffef, 0)
    case .halted: (0xffff_ffff_fe21_ffef, 0x10000)
    case .stopped, .neverRun: (0xffff_ffff_fe7d_ffff, 0x10000)
    }
  }

  private func isCached(_ bit: UInt64) -> Bool { cached.available >> bit & 1 == 1 }

  func common<Space: FrameSpace>(
    kvm: UInt64, hostCPU: Int, number: Int, isXAPIC: Bool, in space: inout Space
  ) throws(Space.Failure) {
    let words: [(UInt64, UInt64, Int)] = [
      (0, kvm, 8), (KVMShape.cpu, UInt64(hostCPU), 4), (KVMShape.vcpuID, UInt64(number), 4),
      (KVMShape.vcpuIndex, UInt64(number), 4),
      (shape.mpState, cpu.state == .halted ? 3 : cpu.state == .neverRun ? 1 : 0, 4),
      (shape.apicBase, 0xfee0_0800 | (isXAPIC ? 0 : 0x400) | (number == 0 ? 0x100 : 0), 8),
      (shape.xcr0, cpu.truth["xcr0"], 8), (shape.xss, cpu.truth["xss"], 8),
      (shape.kernelGSBase, cpu.truth["kernel_gs_base"], 8),
      (shape.debugRegisters + 32, cpu.truth["dr6"], 8), (shape.debugRegisters + 40, cpu.truth["dr7"], 8),
      (shape.pat, cpu.truth["pat"], 8), (shape.exitReason, VMCSFieldValues.exit(cpu.state).reason, 4),
      (shape.loadedVMCS, kernel.virtual(place + shape.vmcs01), 8),
    ]
    for (offset, value, width) in words { space.memory.store(value, at: place + offset, width: width) }
    for index in 0..<4 as Range<UInt64> {
      space.memory.store(cpu.truth["dr\(index)"], at: place + shape.debugRegisters + index * 8)
    }
    // guest_uret_msrs: SYSCALL_MASK, LSTAR, CSTAR, EFER, TSC_AUX, STAR, TSX_CTRL, 24 bytes each, data at 8.
    let names = ["fmask", "lstar", "cstar", "efer", "tsc_aux", "star", "tsx_ctrl"]
    var entries = place + shape.returnMSRs
    if shape.hasMSRPage {
      let page = try space.allocatePage()
      space.memory.store(kernel.virtual(page), at: entries)
      entries = page
    }
    for (slot, name) in names.enumerated() {
      space.memory.store(cpu.truth[name], at: entries + UInt64(slot) * 24 + 8)
    }
  }

  func apic(_ object: UInt64, in memory: inout SparseMemory) {
    memory.store(kernel.virtual(object), at: place + shape.apic)
  }

  /// `arch.regs` and what follows. A slot whose bit is clear holds what an earlier exit left there.
  func registers(in space: inout some FrameSpace) {
    let truth = cpu.truth
    for (index, name) in BuiltRegisters.general.enumerated() {
      let stale = truth[name] &+ 0x590
      let value = name == "rsp" && !isCached(4) ? stale : truth[name]
      space.memory.store(value, at: place + shape.registers + UInt64(index) * 8)
    }
    let stalePlace = kernel.stext + space.random.below(0x10_0000)
    let values: [(UInt64, UInt64)] = [
      (shape.registers + 128, isCached(16) ? truth["rip"] : stalePlace),
      (shape.cr0, isCached(18) ? truth["cr0"] : cpu.cr0Shadow),
      (shape.cr0Owned, GuestCPU.cr0Owned), (shape.cr2, truth["cr2"]),
      (shape.cr3, isCached(19) || truth["cr3"] == 0 ? truth["cr3"] : truth["cr3"] ^ 6),
      (shape.cr4, isCached(20) ? truth["cr4"] : cpu.cr4Shadow),
      (shape.cr4Owned, GuestCPU.cr4Owned), (shape.efer, truth["efer"]),
      (shape.rflags, isCached(21) ? truth["rflags"] : 0x47),
    ]
    for (offset, value) in values { space.memory.store(value, at: place + offset) }
    space.memory.store(cached.available, at: place + shape.available, width: Int(shape.maskSize))
    space.memory.store(cached.dirty, at: place + shape.dirty, width: Int(shape.maskSize))
  }

  /// `vmcs01`: a `struct loaded_vmcs`, not yet on its CPU's list.
  func loadedVMCS(
    vmcs: UInt64, hostCPU: Int, host: VMCSHostState, controls: VMCSControls, pointers: VMCSPointers,
    in memory: inout SparseMemory
  ) {
    let loaded = place + shape.vmcs01
    let form = shape.loaded
    var words: [(UInt64, UInt64, Int)] = [
      (0, kernel.virtual(vmcs), 8), (16, UInt64(hostCPU), 4), (20, cpu.state == .neverRun ? 0 : 1, 1),
      (form.msrBitmap, kernel.virtual(pointers.msrBitmap), 8),
      (form.hostState, host.cr3, 8), (form.hostState + 8, host.cr4, 8),
    ]
    if form.hasWholeHostState {
      words += [
        (form.hostState + 16, host.gsBase, 8), (form.hostState + 24, host.fsBase, 8),
        (form.hostState + 32, host.rsp, 8),
      ]
    }
    if let shadow = form.controls {
      let all = [controls.entry, controls.exit, controls.pin, controls.processor, controls.secondary]
      words += zip(UInt64(0)..., all).map { (shadow + $0 * 4, $1, 4) }
    }
    for (offset, value, width) in words { memory.store(value, at: loaded + offset, width: width) }
  }

  /// `segment_cache`: all valid after the monitor read the registers, else left from earlier. TR stands before LDTR
  /// here.
  func segments(in memory: inout SparseMemory) {
    let cache = place + shape.segmentCache
    let isValid = isCached(22)
    memory.store(isValid ? 0xffff_ffff : 0x800, at: cache, width: 4)
    for (slot, name) in ["es", "cs", "ss", "ds", "fs", "gs", "tr", "ldtr"].enumerated() {
      guard let segment = cpu.truth.segments[name] else { continue }
      let entry = cache + 8 + UInt64(slot) * 24
      memory.store(UInt64(segment.selector), at: entry, width: 2)
      memory.store(isValid ? segment.base : segment.base ^ 0x1000, at: entry + 8)
      memory.store(UInt64(segment.limit), at: entry + 16, width: 4)
      memory.store(UInt64(segment.accessRights), at: entry + 20, width: 4)
    }
  }
}

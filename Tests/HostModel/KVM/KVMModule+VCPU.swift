extension KVMModule {
  /// Makes one vCPU: its region, its `vcpu_vmx`, its APIC page and the stack of its thread.
  /// - Parameter number: within its VM.
  public mutating func makeVCPU<Space: FrameSpace>(
    _ vcpu: VCPUDescription, number: Int, of machine: VMDescription, kernel: inout BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> BuiltVCPU {
    let state = vcpu.activity ?? (vcpuCount == 0 ? .running : .halted)
    let hostCPU = vcpu.hostCPU ?? vcpuCount % kernel.description.cpus
    vcpuCount += 1
    var cpu = GuestCPU(
      state, index: number, isUser: vcpu.isUser, program: machine.program, random: &space.random)
    if shape.isAMD { cpu.takeAMDSegments() }
    let apicID = vcpu.apicID ?? UInt32(number)
    let place = try vcpuSlab.allocate(in: &space)
    let vmcs: UInt64
    if let address = vcpu.vmcs { vmcs = address } else { vmcs = try space.allocatePage() }
    let controls = VMCSControls(cpu, isXAPIC: vcpu.isXAPIC)
    let stack = try kernel.vmalloc(pages: 4, alignment: 4, in: &space)
    let tls = try space.allocate()
    let tlsPage = 0x7e80_0000_0000 + space.random.below(1 << 20) << 20 + UInt64(vcpuCount) << 16
    try machine.process.map(tlsPage, to: tls << 12, flags: PageTables.Flags.userData, in: &space)
    var host = hostState(kernel, hostCPU: hostCPU, process: machine.process)
    if state != .neverRun {
      host.gsBase = kernel.gsBase(hostCPU)
      host.fsBase = tlsPage + 0x6c0
      host.rsp = stack.virtual + 0x3900 + space.random.below(128) << 3
    }
    let pointers = try pointers(
      of: machine, vcpu: place, state: state, apicID: apicID, isXAPIC: vcpu.isXAPIC, in: &space)
    var fields: [String: UInt64] = [:]
    var nested: (page: UInt64, isActive: Bool)?
    if shape.isAMD {
      nested = try writeVMCBs(of: cpu, at: vmcs, vcpu, machine, pointers, kernel: kernel, in: &space)
    } else {
      fields = VMCSFieldValues.all(
        cpu, controls: controls, host: host, pointers: pointers, vpid: UInt64(vcpuCount), tscOffset: machine.tscOffset)
      space.memory.setWords(layout.region(fields), frame: vmcs >> 12)
    }
    let writer = VCPUWriter(place: place, shape: shape, kernel: kernel, cpu: cpu)
    try writer.common(kvm: machine.kvm.virtual, hostCPU: hostCPU, number: number, isXAPIC: vcpu.isXAPIC, in: &space)
    let apic = try apicObject(pointers.virtualAPIC, vcpu: place, kernel: kernel, in: &space)
    writer.apic(apic, in: &space.memory)
    writer.registers(in: &space)
    if vcpu.nested == .active { space.memory.store(VMCBImage.innerRIP, at: place + shape.registers + 128) }
    if shape.isAMD {
      writer.vmcb(vmcs, map: pointers.msrBitmap, hostCPU: hostCPU, nested: nested, in: &space.memory)
    } else {
      writer.loadedVMCS(
        vmcs: vmcs, hostCPU: hostCPU, host: host, controls: controls, pointers: pointers, in: &space.memory)
      writer.segments(in: &space.memory)
      loadedLinks[hostCPU, default: []].append(place + shape.vmcs01 + shape.loaded.link)
      // The second place that names the region.
      if state == .running {
        space.memory.store(kernel.virtual(vmcs), at: kernel.perCPU[hostCPU] + PerCPU.currentVMCS)
      }
    }
    return BuiltVCPU(
      vmcs: vmcs, apicID: apicID, vcpuID: number, hostCPU: hostCPU, state: state, vcpuAddress: place, fields: fields,
      registers: cpu.truth, stack: stack, tlsFrame: tls, nestedVMCB: nested?.page)
  }

  /// What freeing leaves of a vCPU: the region as it was, an emptied `loaded_vmcs`, an unmapped stack.
  /// Source: Documentation/vmcs.md §9.
  public mutating func free<Space: FrameSpace>(
    _ vcpu: BuiltVCPU, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    if shape.isAMD { return try freeSVM(vcpu, kernel: kernel, in: &space) }
    let loaded = vcpu.vcpuAddress + shape.vmcs01
    space.memory.store(0, at: loaded)
    space.memory.store(0xffff_ffff, at: loaded + 16, width: 4)
    space.memory.store(0, at: loaded + 20, width: 1)
    let link = loaded + shape.loaded.link
    loadedLinks[vcpu.hostCPU]?.removeAll { $0 == link }
    // LIST_POISON1 and 2.
    space.memory.store(0xdead_0000_0000_0100, at: link)
    space.memory.store(0xdead_0000_0000_0122, at: link + 8)
    if vcpu.state == .running {
      space.memory.store(0, at: kernel.perCPU[vcpu.hostCPU] + PerCPU.currentVMCS)
    }
    try kernel.unmap(vcpu.stack, in: &space)
  }

  /// The host's part of a region, without what only a thread that ran has.
  private func hostState(_ kernel: BuiltKernel, hostCPU: Int, process: PageTables) -> VMCSHostState {
    var host = VMCSHostState()
    host.rip = vmexit
    host.sysenterEIP = kernel.stext + BuiltKernel.Place.sysenter
    host.trBase = kernel.tssBase(hostCPU)
    host.gdtrBase = kernel.gdtBase(hostCPU)
    host.cr3 = process.root | UInt64(vcpuCount % 6 + 1)
    host.cr4 = 0x1726a0 | (hostCPU == 0 ? 0x10 : 0) | (kernel.description.isLA57 ? 0x1000 : 0)
    return host
  }

  private func pointers<Space: FrameSpace>(
    of machine: VMDescription, vcpu place: UInt64, state: VCPUActivity, apicID: UInt32, isXAPIC: Bool,
    in space: inout Space
  ) throws(Space.Failure) -> VMCSPointers {
    var pointers = VMCSPointers()
    pointers.ept = state == .neverRun ? 0 : machine.eptPointer
    pointers.msrBitmap = try bitmapPage(clear: 7, in: &space)
    pointers.virtualAPIC = try apicPage(apicID, isXAPIC: isXAPIC, in: &space)
    pointers.apicAccess = machine.apicAccess
    pointers.entryMSRLoad = place + shape.autoload
    pointers.exitMSRLoad = place + shape.autoload + shape.exitGap
    pointers.vmread = vmreadBitmap
    pointers.vmwrite = vmwriteBitmap
    pointers.pml = try space.allocatePage()
    return pointers
  }

  /// The page of `kvm_lapic.regs`: id, version, task priority. Source: Documentation/vmcs.md §2.
  private func apicPage<Space: FrameSpace>(
    _ id: UInt32, isXAPIC: Bool, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let page = try space.allocatePage()
    space.memory.store(isXAPIC ? UInt64(id) << 24 : UInt64(id), at: page + 0x20, width: 4)
    space.memory.store(0x50014, at: page + 0x30, width: 4)
    space.memory.store(isXAPIC ? 1 << (24 + UInt64(id) % 8) : UInt64(id), at: page + 0xd0, width: 4)
    space.memory.store(0x1ff, at: page + 0xf0, width: 4)
    return page
  }

  /// A `struct kvm_lapic` that names its vCPU and its register page.
  private mutating func apicObject<Space: FrameSpace>(
    _ registers: UInt64, vcpu: UInt64, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let object = try slotSlab.allocate(in: &space)
    space.memory.store(0xfee0_0000, at: object)
    space.memory.store(kernel.virtual(vcpu), at: object + shape.lapicVCPU)
    space.memory.store(kernel.virtual(registers), at: object + shape.lapicRegisters)
    return object
  }
}

extension BuiltKernel {
  /// Takes back a run of vmalloc or module space. What stands in the direct map stays mapped.
  public func unmap<Space: FrameSpace>(_ mapping: Mapping, in space: inout Space) throws(Space.Failure) {
    guard let first = mapping.frames.first, mapping.virtual != virtual(first << 12) else { return }
    for page in mapping.frames.indices {
      try tables.setEntry(0, for: mapping.virtual + UInt64(page) << 12, in: &space)
    }
  }
}

/// What the vCPUs of one guest have in common.
struct SharedVCPUState {
  var image: RecipeGuestImage
  var kvm: RecipeKernel.Mapping
  var process: RecipePageTables
  var eptPointer: UInt64
  var apicAccess: UInt64
  var tscOffset: UInt64
}

extension HostBuilder {
  /// Builds one vCPU: its region, its `vcpu_vmx`, its APIC page and the stack of its thread.
  mutating func buildVCPU(
    _ vcpu: VCPUSpec, number: Int, shared: SharedVCPUState
  ) throws(RecipeMistake) -> BuiltVCPU {
    let state = vcpu.state ?? (vcpuCount == 0 ? .running : .halted)
    let hostCPU = vcpu.cpu ?? vcpuCount % spec.cpus
    vcpuCount += 1
    let cpu = RecipeGuestCPU(vcpu, state: state, index: number, image: shared.image, random: &space.random)
    let apicID = vcpu.apicID ?? UInt32(number)
    let place = try vcpuSlab.allocate(in: &space)
    let vmcs: UInt64
    if let address = vcpu.vmcs { vmcs = address } else { vmcs = try space.allocatePage() }
    let controls = RecipeControls(cpu, isXAPIC: vcpu.isXAPIC)
    let stack = try kernel.vmalloc(pages: 4, alignment: 4, in: &space)
    let tls = try space.allocate()
    let tlsPage = 0x7e80_0000_0000 + space.random.below(1 << 20) << 20 + UInt64(vcpuCount) << 16
    try shared.process.map(tlsPage, to: tls << 12, flags: RecipePageTables.Flags.userData, in: &space)
    var host = RecipeHostState()
    host.rip = vmexit
    host.sysenterEIP = kernel.stext + RecipeKernel.Place.sysenter
    host.trBase = kernel.tssBase(hostCPU)
    host.gdtrBase = kernel.gdtBase(hostCPU)
    host.cr3 = shared.process.root | UInt64(vcpuCount % 6 + 1)
    host.cr4 = 0x1726a0 | (hostCPU == 0 ? 0x10 : 0) | (spec.isLA57 ? 0x1000 : 0)
    if state != .neverRun {
      host.gsBase = kernel.perCPUBase(hostCPU)
      host.fsBase = tlsPage + 0x6c0
      host.rsp = stack.virtual + 0x3900 + space.random.below(128) << 3
    }
    var pointers = RecipeVMCSPointers()
    pointers.ept = state == .neverRun ? 0 : shared.eptPointer
    pointers.msrBitmap = try bitmapPage(clear: 7)
    pointers.virtualAPIC = try apicPage(apicID, isXAPIC: vcpu.isXAPIC)
    pointers.apicAccess = shared.apicAccess
    pointers.entryMSRLoad = place + shape.autoload
    pointers.exitMSRLoad = place + shape.autoload + shape.exitGap
    pointers.vmread = vmreadBitmap
    pointers.vmwrite = vmwriteBitmap
    pointers.pml = try space.allocatePage()
    let fields = RecipeVMCSFields.all(
      cpu, controls: controls, host: host, pointers: pointers, vpid: UInt64(vcpuCount), tscOffset: shared.tscOffset)
    space.memory.setWords(layout.region(fields), frame: vmcs >> 12)
    let writer = RecipeVCPUWriter(place: place, shape: shape, kernel: kernel, cpu: cpu)
    try writer.common(kvm: shared.kvm.virtual, hostCPU: hostCPU, number: number, isXAPIC: vcpu.isXAPIC, in: &space)
    writer.apic(try apicObject(pointers.virtualAPIC, vcpu: place), in: &space)
    writer.registers(&space.random, memory: &space.memory)
    writer.loadedVMCS(vmcs: vmcs, hostCPU: hostCPU, host: host, controls: controls, pointers: pointers, in: &space)
    writer.segments(in: &space)
    loadedLinks[hostCPU, default: []].append(place + shape.vmcs01 + shape.loaded.link)
    if state == .running {
      // per_cpu(current_vmcs), where Debian's cloud kernel has it: the second place that names the region.
      space.memory.store(kernel.virtual(vmcs), at: kernel.perCPU[hostCPU] + 0x34038)
    }
    return BuiltVCPU(
      vmcs: vmcs, apicID: apicID, vcpuID: number, hostCPU: hostCPU, state: state, vcpuAddress: place, fields: fields,
      registers: cpu.truth, stack: stack, tlsFrame: tls)
  }

  /// The page of `kvm_lapic.regs`: id, version, task priority. Source: Documentation/vmcs.md §2.
  private mutating func apicPage(_ id: UInt32, isXAPIC: Bool) throws(RecipeMistake) -> UInt64 {
    let page = try space.allocatePage()
    space.memory.store(isXAPIC ? UInt64(id) << 24 : UInt64(id), at: page + 0x20, width: 4)
    space.memory.store(0x50014, at: page + 0x30, width: 4)
    space.memory.store(isXAPIC ? 1 << (24 + UInt64(id) % 8) : UInt64(id), at: page + 0xd0, width: 4)
    space.memory.store(0x1ff, at: page + 0xf0, width: 4)
    return page
  }

  /// A `struct kvm_lapic` that names its vCPU (144) and its register page (168), where Debian's 6.1 has them: measured
  /// on a real dump.
  private mutating func apicObject(_ registers: UInt64, vcpu: UInt64) throws(RecipeMistake) -> UInt64 {
    let object = try slotSlab.allocate(in: &space)
    space.memory.store(0xfee0_0000, at: object)
    space.memory.store(kernel.virtual(vcpu), at: object + 144)
    space.memory.store(kernel.virtual(registers), at: object + 168)
    return object
  }

  /// What a SIGKILL leaves: the region as it was, an emptied `loaded_vmcs`, unmapped `struct kvm` and stacks, an EPT
  /// root of zeros, no user memory. Source: Documentation/vmcs.md §9.
  mutating func kill(_ guest: BuiltGuest) throws(RecipeMistake) {
    for vcpu in guest.vcpus {
      let loaded = vcpu.vcpuAddress + shape.vmcs01
      space.memory.store(0, at: loaded)
      space.memory.store(0xffff_ffff, at: loaded + 16, width: 4)
      space.memory.store(0, at: loaded + 20, width: 1)
      let link = loaded + shape.loaded.link
      loadedLinks[vcpu.hostCPU]?.removeAll { $0 == link }
      space.memory.store(0xdead_0000_0000_0100, at: link)
      space.memory.store(0xdead_0000_0000_0122, at: link + 8)
      if vcpu.state == .running { space.memory.store(0, at: kernel.perCPU[vcpu.hostCPU] + 0x34038) }
      try unmap(vcpu.stack)
    }
    try unmap(guest.kvm)
    space.memory.setWords(nil, frame: (guest.eptPointer & RecipePageTables.addressMask) >> 12)
    for place in 0..<256 as Range<UInt64> { space.memory.store(0, at: guest.processTables.root + place * 8) }
  }

  private mutating func unmap(_ mapping: RecipeKernel.Mapping) throws(RecipeMistake) {
    for page in mapping.frames.indices {
      try kernel.tables.setEntry(0, for: mapping.virtual + UInt64(page) << 12, in: &space)
    }
  }
}

/// What KVM keeps for AMD's processors beside `vcpu_svm`.
extension KVMModule {
  /// The VMCB of a vCPU, and where its guest is a host itself that of its own guest: general registers are that one's
  /// while it runs, and so is what VMLOAD moves, which stands in the first VMCB all the same.
  /// - Returns: the second one's page, and whether it is in use.
  mutating func writeVMCBs<Space: FrameSpace>(
    of cpu: GuestCPU, at page: UInt64, _ vcpu: VCPUDescription, _ machine: VMDescription, _ pointers: VMCSPointers,
    kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> (page: UInt64, isActive: Bool)? {
    var image = VMCBImage(
      cpu, pointers: pointers, nestedControl: machine.nestedControl, number: UInt64(vcpuCount),
      tscOffset: machine.tscOffset, encryptionBit: kernel.tables.encryptionBit)
    guard let nested = vcpu.nested else {
      space.memory.setWords(image.words, frame: page >> 12)
      return nil
    }
    var inner = image
    inner[0x48] = try bitmapPage(clear: 5, in: &space) | kernel.tables.encryptionBit
    inner[0xb0] = machine.shadowPointer
    // KVM runs VMLOAD and VMSAVE on the first one alone.
    let segments = [0x440, 0x448, 0x450, 0x458, 0x470, 0x478, 0x490, 0x498]
    for offset in segments + Array(stride(from: 0x600, to: 0x640, by: 8)) { inner[offset] = 0 }
    inner[0x550] = machine.shadowPointer & 0xff_f000
    inner[0x578] = VMCBImage.innerRIP
    if nested == .active {
      // VMRUN, with the second one's address in the guest's memory in RAX.
      image[0x70] = 0x80
      image[0x5f8] = machine.nestedVMCB
      image[0x608] = 0x5e57_0000
      inner[0x70] = 0x61
    }
    space.memory.setWords(image.words, frame: page >> 12)
    let second = try space.allocatePage()
    space.memory.setWords(inner.words, frame: second >> 12)
    return (second, nested == .active)
  }

  /// A processor's own save area, one a CPU: they look like VMCBs and are none.
  /// - Parameter vcpus: all of the host's.
  public func writeHostSaveAreas<Space: FrameSpace>(
    _ vcpus: [BuiltVCPU], kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) -> [UInt64] {
    guard shape.isAMD else { return [] }
    var pages: [UInt64] = []
    for cpu in 0..<kernel.description.cpus {
      let last = vcpus.last { $0.hostCPU == cpu }?.vmcs ?? 0
      let page = try space.allocatePage()
      space.memory.setWords(
        VMCBImage.hostSave(kernel: kernel, cpu: cpu, rip: vmexit, last: last), frame: page >> 12)
      pages.append(page)
    }
    return pages
  }

  /// What freeing leaves of a vCPU on an AMD host: the VMCB as it was, and all of `vcpu_svm` but where the slab keeps its
  /// list of free objects. Source: arch/x86/kvm/svm/svm.c, svm_vcpu_free.
  func freeSVM<Space: FrameSpace>(
    _ vcpu: BuiltVCPU, kernel: BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    space.memory.store(SplitMix64.mix(vcpu.vcpuAddress), at: vcpu.vcpuAddress + shape.size / 2 & ~7)
    try kernel.unmap(vcpu.stack, in: &space)
  }
}

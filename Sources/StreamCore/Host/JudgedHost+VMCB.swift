extension JudgedHost {
  /// CD and NW of CR0.
  private static let cachingBits: UInt64 = 0x6000_0000

  /// A vCPU by its VMCB.
  func vcpu(_ vmcb: VMCB, _ proof: VCPUEvidence) -> VCPU {
    var vcpu = VCPU(region: proof.region, tableIndex: proof.index)
    vcpu.kvm = states.state(of: proof.region)
    vcpu.exitReason = Sourced(SVMExit(rawValue: vmcb[.exitCode]).description, .vmcb)
    vcpu.root = NestedCR3(vmcb[.nestedCR3], levels: kernel.levels, encryptionBit: kernel.encryptionBit)
    vcpu.isEncrypted = vmcb.encryption != nil
    if proof.isActive == nil, isNestedGuestRunning(on: proof.vcpu) {
      vcpu.refuse(.ofNestedGuest)
      vcpu.root = nil
      return vcpu
    }
    guard let registers = vmcb.registerState(isInUse: proof.isActive ?? true) else {
      vcpu.refuse(.encrypted)
      return vcpu
    }
    vcpu.registers = vcpu.kvm.map { registers.merged(with: $0, isCR3Guests: true) } ?? registers
    guard let copy = vcpu.kvm?.registers else { return vcpu }
    // The processor's CR4 has the host's MCE, and its CR0 lacks CD and NW; TS and MP the guest writes without an exit.
    // Source: KVM, svm_set_cr0 and svm_set_cr4.
    if let cr4 = copy.cr4 { vcpu.registers.registers[.cr4] = Sourced(cr4, .kvm) }
    if let cr0 = copy.cr0, let hardware = vcpu.registers[.cr0], cr0 & Self.cachingBits != 0 {
      vcpu.registers.registers[.cr0] = Sourced(hardware | cr0 & Self.cachingBits, .derived)
    }
    return vcpu
  }

  /// HF_GUEST_MASK: before 5.12 one VMCB served the guest and its own guest in turn. Source: arch/x86/include/asm/
  /// kvm_host.h.
  private func isNestedGuestRunning(on vcpu: VirtualAddress) -> Bool {
    guard let path = try? evidence.types?.all.path("kvm_vcpu.arch.hflags"),
      let flags = try? KernelReader(kernel).value(path, at: vcpu)
    else { return false }
    return flags & 0x20 != 0
  }
}

extension VCPU {
  fileprivate mutating func refuse(_ why: Unread) {
    unread = why
    registers.explain("\(why)")
  }
}

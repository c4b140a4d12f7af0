extension RegisterState {
  /// This state, read from a VMCS, with what the host kernel knows better or alone. Source: Documentation/kvm.md §3.
  ///
  /// After an exit KVM reads RSP, RIP and CR3 from the VMCS only when it needs them, and writes them back only before
  /// the next entry; `regs_avail` and `regs_dirty` say which copy counts. RFLAGS, CR0, CR4 and segments stand in the
  /// VMCS always.
  /// - Parameter isCR3Guests: the region that this state was read from holds the guest's own CR3; `nil`: not known. KVM's
  ///   copy may be older than the region's, and counts only where it must be the newer or the only one.
  func merged(with vcpu: KVMVCPUState, isCR3Guests: Bool?) -> RegisterState {
    var merged = self
    if let copy = vcpu.registers {
      for (index, register) in Register.general.enumerated() where index != 4 {
        merged.registers[register] = Sourced(copy.values[index], .kvm)
      }
      if copy.available >> 4 & 1 == 1 { merged.registers[.rsp] = Sourced(copy.values[4], .kvm) }
      if copy.available >> 16 & 1 == 1 { merged.registers[.rip] = Sourced(copy.values[16], .kvm) }
      if copy.dirty >> 19 & 1 == 1 || isCR3Guests == false { merged.registers[.cr3] = Sourced(copy.cr3, .kvm) }
      merged.registers[.cr2] = Sourced(copy.cr2, .kvm)
      if let efer = copy.efer { merged.registers[.efer] = Sourced(efer, .kvm) }
    }
    if let base = vcpu.kernelGSBase { merged.registers[.kernel_gs_base] = Sourced(base, .kvm) }
    if let priority = vcpu.cr8 { merged.registers[.cr8] = Sourced(priority, .derived) }
    for (register, value) in vcpu.typed.registers { merged.registers[register] = Sourced(value, .kvm) }
    merged.fpu = vcpu.typed.fpu.map { Sourced($0, .kvm) }
    merged.reasons = vcpu.typed.reasons
    merged.dropReasonsOfKnown()
    return merged
  }

  /// What is known needs no reason why it is not.
  private mutating func dropReasonsOfKnown() {
    let unknown = Set(unknown)
    reasons = reasons.filter { unknown.contains($0.key) }
  }

  /// Gives all that is unknown, and has no reason yet, this one.
  mutating func explain(_ reason: String) {
    dropReasonsOfKnown()
    for name in unknown where reasons[name] == nil { reasons[name] = reason }
  }
}

/// Reads KVM's register cache of a vCPU: beside its general registers all that is known of it where nothing reads the
/// processor's own structure.
struct RegisterCache: Sendable {
  let types: RegisterCacheTypes
  let reader: KernelReader

  init(_ types: KernelTypes, _ kernel: LinuxKernel) {
    self.types = RegisterCacheTypes(types)
    reader = KernelReader(kernel)
  }

  /// Adds the control registers of the cache that count.
  /// - Parameters:
  ///   - state: of the guest that ran last on the vCPU.
  ///   - available: `regs_avail`.
  func addControls(to state: inout RegisterState, of vcpu: VirtualAddress, available: UInt64) {
    for (register, control) in types.controls {
      // What the guest does not own, KVM wrote itself.
      guard isSet(control.bit, in: available) || value(control.owned, vcpu) == 0, let own = value(control.value, vcpu)
      else { continue }
      state.registers[register] = Sourced(own, .kvm)
    }
  }

  private func isSet(_ bit: UInt64?, in available: UInt64) -> Bool {
    bit.map { available >> $0 & 1 == 1 } ?? false
  }

  /// Adds all of the cache that counts, with the same parameters.
  func add(to state: inout RegisterState, of vcpu: VirtualAddress, available: UInt64) {
    func isAvailable(_ bit: UInt64?) -> Bool { isSet(bit, in: available) }
    addControls(to: &state, of: vcpu, available: available)
    if isAvailable(types.bits.cr3), let cr3 = value(types.cr3, vcpu) { state.registers[.cr3] = Sourced(cr3, .kvm) }
    if let pat = value(types.pat, vcpu) { state.registers[.pat] = Sourced(pat, .kvm) }
    guard value(types.isVM86, vcpu) == 0 else { return }
    if isAvailable(types.bits.rflags), let flags = value(types.flags, vcpu) {
      state.registers[.rflags] = Sourced(flags, .kvm)
    }
    guard isAvailable(types.bits.segments), let bits = value(types.segmentBits, vcpu) else { return }
    for (register, entry) in types.segments where bits >> UInt64(entry.place * 4) & 0xf == 0xf {
      if let segment = segment(entry, vcpu) { state.segments[register] = Sourced(segment, .kvm) }
    }
  }

  /// Why the vCPU left the guest last, as the processor said it.
  func exitReason(of vcpu: VirtualAddress) -> UInt32? {
    types.exitReasons.lazy.compactMap { value($0, vcpu) }.first.map(UInt32.init(truncatingIfNeeded:))
  }

  private func segment(_ entry: RegisterCacheTypes.Segment, _ vcpu: VirtualAddress) -> Segment? {
    guard let selector = value(entry.selector, vcpu), let base = value(entry.base, vcpu),
      let limit = value(entry.limit, vcpu), let rights = value(entry.rights, vcpu)
    else { return nil }
    return Segment(
      selector: UInt16(truncatingIfNeeded: selector), base: base, limit: UInt32(truncatingIfNeeded: limit),
      accessRights: UInt32(truncatingIfNeeded: rights))
  }

  private func value(_ path: RegisterCacheTypes.Path, _ vcpu: VirtualAddress) -> UInt64? {
    (try? path.get()).flatMap { try? reader.value($0, at: vcpu) }
  }
}

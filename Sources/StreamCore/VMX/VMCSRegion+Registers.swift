extension VMCSRegion {
  /// Whether some region shows that the host's processors have the control "load IA32_EFER": ENTRY bit 15 set, or a
  /// HOST_EFER that KVM wrote. Source: KVM vmx_set_constant_host_state; Documentation/vmcs.md §5.
  static func hostLoadsEFER(_ regions: some Sequence<VMCSRegion>) -> Bool {
    regions.contains { region in
      RegionControls(region).loadsEFER == true || (region[.HOST_IA32_EFER] ?? 0) != 0
    }
  }

  /// The guest's registers as far as the region alone tells them (Documentation/vmcs.md §5). Whatever it does not tell
  /// is not there; general registers but RSP are never.
  /// - Parameter hostLoadsEFER: see the function of that name, over all regions of the host.
  func registerState(hostLoadsEFER: Bool) -> RegisterState {
    var state = RegisterState()
    let controls = RegionControls(self)
    let cr0 = guestVisible(.GUEST_CR0, .CR0_GUEST_HOST_MASK, .CR0_READ_SHADOW)
    state.set(.cr0, cr0, .derived)
    state.set(.cr4, guestVisible(.GUEST_CR4, .CR4_GUEST_HOST_MASK, .CR4_READ_SHADOW), .derived)
    state.set(.rip, self[.GUEST_RIP], .vmcs)
    state.set(.rsp, self[.GUEST_RSP], .vmcs)
    state.set(.dr7, self[.GUEST_DR7], .vmcs)
    state.set(.sysenter_cs, self[.GUEST_SYSENTER_CS], .vmcs)
    state.set(.sysenter_esp, self[.GUEST_SYSENTER_ESP], .vmcs)
    state.set(.sysenter_eip, self[.GUEST_SYSENTER_EIP], .vmcs)
    // Without the control the field is what an earlier mode left.
    if controls.loadsPAT == true { state.set(.pat, self[.GUEST_IA32_PAT], .vmcs) }
    if let efer = efer(controls, hostLoadsEFER: hostLoadsEFER) { state.registers[.efer] = efer }
    if holdsGuestCR3(cr0, controls) == true { state.set(.cr3, self[.GUEST_CR3], .vmcs) }
    if !isRealModeEmulated(cr0, controls) {
      state.set(.rflags, self[.GUEST_RFLAGS], .vmcs)
      for register in SegmentRegister.allCases {
        if let segment = segment(register) { state.segments[register] = Sourced(segment, .vmcs) }
      }
    }
    state.gdtr = table(.GUEST_GDTR_BASE, .GUEST_GDTR_LIMIT)
    state.idtr = table(.GUEST_IDTR_BASE, .GUEST_IDTR_LIMIT)
    return state
  }

  /// A control register as the guest reads it: host-owned bits from the shadow, its own from the field.
  private func guestVisible(_ value: VMCSField, _ mask: VMCSField, _ shadow: VMCSField) -> UInt64? {
    guard let value = self[value], let mask = self[mask], let shadow = self[shadow] else { return nil }
    return (value & ~mask) | (shadow & mask)
  }

  private func table(_ base: VMCSField, _ limit: VMCSField) -> Sourced<DescriptorTable>? {
    guard let base = self[base], let limit = self[limit] else { return nil }
    return Sourced(DescriptorTable(base: base, limit: UInt32(truncatingIfNeeded: limit)), .vmcs)
  }

  /// Whether GUEST_CR3 is what the guest loaded. Without unrestricted guest KVM puts its identity map there while the
  /// guest runs without paging, and without EPT its shadow page tables. `nil`: the layout lacks the fields that tell.
  /// Source: KVM vmx_load_mmu_pgd; Documentation/vmcs.md §5.
  var holdsGuestCR3: Bool? {
    holdsGuestCR3(guestVisible(.GUEST_CR0, .CR0_GUEST_HOST_MASK, .CR0_READ_SHADOW), RegionControls(self))
  }

  private func holdsGuestCR3(_ cr0: UInt64?, _ controls: RegionControls) -> Bool? {
    if controls.hasEPT == false { return false }
    if controls.isUnrestrictedGuest == true || cr0.map({ $0 >> 31 & 1 == 1 }) == true { return true }
    return controls.isUnrestrictedGuest == false && cr0 != nil ? false : nil
  }

  /// Real mode without unrestricted guest runs as virtual-8086 mode, with segments and flags of KVM's making.
  private func isRealModeEmulated(_ cr0: UInt64?, _ controls: RegionControls) -> Bool {
    controls.isUnrestrictedGuest == false && cr0.map { $0 & 1 == 0 } ?? false
  }

  private static let lme: UInt64 = 1 << 8
  private static let lma: UInt64 = 1 << 10

  /// KVM switches EFER on entry exactly while the guest's differs from the host's (update_transition_efer): with the
  /// control off, the guest's equals HOST_EFER. LMA must equal ENTRY bit 9; where it does not, the control is right.
  private func efer(_ controls: RegionControls, hostLoadsEFER: Bool) -> Sourced<UInt64>? {
    guard let loads = controls.loadsEFER, let isLongMode = controls.isLongMode else { return nil }
    if loads { return self[.GUEST_IA32_EFER].map { Sourced($0, .vmcs) } }
    guard hostLoadsEFER, let host = self[.HOST_IA32_EFER] else { return nil }
    let mode = Self.lme | Self.lma
    let hasMode = host & Self.lma != 0
    if hasMode == isLongMode { return Sourced(host, .derived) }
    return Sourced(isLongMode ? host | mode : host & ~mode, .derived)
  }
}

extension RegisterState {
  fileprivate mutating func set(_ register: Register, _ value: UInt64?, _ source: RegisterSource) {
    if let value { registers[register] = Sourced(value, source) }
  }
}

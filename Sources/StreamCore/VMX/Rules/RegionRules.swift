/// The strong rules on the guest-state area that need nothing but the region: Documentation/vmcs.md §4, rules 3 to 11,
/// which are the processor's own checks on VM entry (SDM vol. 3, 28.3).
struct RegionRules {
  private let region: VMCSRegion
  private let controls: RegionControls

  init(_ region: VMCSRegion, _ controls: RegionControls) {
    self.region = region
    self.controls = controls
  }

  func check() throws(RegionFault) {
    try checkFlags()
    try checkControlRegisters()
    try checkStates()
    try checkDebugAndPAT()
    try checkDescriptorTables()
    try checkLongMode()
    try checkCanonical()
    guard areSegmentsStrict else { return }
    if rflags >> 17 & 1 == 1 {
      try checkVirtual8086()
    } else {
      try checkSegments()
    }
  }

  private var rflags: UInt64 { region[.GUEST_RFLAGS] ?? 0 }
  private var isLongMode: Bool { controls.isLongMode ?? false }
  /// Without unrestricted guest KVM may emulate a guest whose segments no processor would take.
  private var areSegmentsStrict: Bool { isLongMode || controls.isUnrestrictedGuest == true }
  /// Linear addresses of the processor: 57 bits when the host or the guest uses them.
  private var levels: Int { ((region[.HOST_CR4] ?? 0) | (region[.GUEST_CR4] ?? 0)) >> 12 & 1 == 1 ? 5 : 4 }

  private func require(
    _ rule: RegionRule, _ field: VMCSField, _ holds: (UInt64) -> Bool
  ) throws(RegionFault) {
    guard let value = region[field] else { return }
    guard holds(value) else { throw RegionFault(rule, field, value) }
  }

  private func checkFlags() throws(RegionFault) {
    try require(.rflags, .GUEST_RFLAGS) { $0 & 0xffff_ffff_ffc0_8028 == 0 && $0 & 2 != 0 }
  }

  /// Bits of CR4 that no processor defines: 15, 26, 29 to 31 and above 32 (FRED). Source: SDM vol. 3, 2.5.
  private static let cr4Reserved: UInt64 = 0xffff_fffe_e400_8000

  private func checkControlRegisters() throws(RegionFault) {
    try require(.cr0, .GUEST_CR0) { cr0 in
      let isProtected = cr0 & 1 != 0
      let isPaging = cr0 >> 31 & 1 != 0
      let mayBeReal = controls.isUnrestrictedGuest ?? true
      return cr0 >> 32 == 0 && cr0 & 0x20 != 0 && (isProtected || !isPaging) && (mayBeReal || isProtected && isPaging)
    }
    try require(.cr4, .GUEST_CR4) { $0 & Self.cr4Reserved == 0 && $0 & 0x2000 != 0 }
  }

  private func checkStates() throws(RegionFault) {
    try require(.activity, .GUEST_ACTIVITY_STATE) { $0 <= 3 }
    try require(.interruptibility, .GUEST_INTERRUPTIBILITY_INFO) { $0 >> 5 == 0 }
  }

  private func checkDebugAndPAT() throws(RegionFault) {
    if controls.loadsDebugControls ?? true { try require(.dr7, .GUEST_DR7) { $0 >> 32 == 0 } }
    if controls.loadsPAT ?? false {
      try require(.pat, .GUEST_IA32_PAT) { pat in
        // Memory types 0, 1, 4 to 7.
        (0..<8).allSatisfy { 0b1111_0011 >> (pat >> (8 * $0) & 0xff) & 1 == 1 as UInt64 }
      }
    }
  }

  private func checkDescriptorTables() throws(RegionFault) {
    try require(.descriptorTable, .GUEST_GDTR_LIMIT) { $0 >> 16 == 0 }
    try require(.descriptorTable, .GUEST_IDTR_LIMIT) { $0 >> 16 == 0 }
  }

  private func checkLongMode() throws(RegionFault) {
    if isLongMode {
      try require(.longMode, .GUEST_CR0) { $0 >> 31 & 1 == 1 }
      try require(.longMode, .GUEST_CR4) { $0 >> 5 & 1 == 1 }
    }
    let codeRights = region.accessRights(of: .cs) ?? 0
    guard codeRights & 0x6000 != 0x6000 else { throw fault(.codeSegment, .cs) }
    guard controls.isLongMode != nil else { return }
    if isLongMode && codeRights >> 13 & 1 == 1 {
      try require(.canonical, .GUEST_RIP, isCanonical)
    } else if !isLongMode {
      try require(.longMode, .GUEST_RIP) { $0 >> 32 == 0 }
    }
  }

  private func isCanonical(_ value: UInt64) -> Bool {
    VirtualAddress(rawValue: value).isCanonical(levels: levels)
  }

  private func checkCanonical() throws(RegionFault) {
    for field in [VMCSField.GUEST_GDTR_BASE, .GUEST_IDTR_BASE, .GUEST_TR_BASE, .GUEST_FS_BASE, .GUEST_GS_BASE] {
      try require(.canonical, field, isCanonical)
    }
    if isUsable(.ldtr) { try require(.canonical, .GUEST_LDTR_BASE, isCanonical) }
    try require(.segmentBase, .GUEST_CS_BASE) { $0 >> 32 == 0 }
    for register in [SegmentRegister.ss, .ds, .es] where isUsable(register) {
      try require(.segmentBase, register.fields.base) { $0 >> 32 == 0 }
    }
  }

  /// `false` where the rights are unknown.
  private func isUsable(_ register: SegmentRegister) -> Bool {
    region.accessRights(of: register).map { $0 >> 16 & 1 == 0 } ?? false
  }

  private func fault(_ rule: RegionRule, _ register: SegmentRegister) -> RegionFault {
    RegionFault(rule, register.fields.accessRights, UInt64(region.accessRights(of: register) ?? 0))
  }

  /// Rule 10: all six segments are fixed. Source: SDM vol. 3, 28.3.1.2.
  private func checkVirtual8086() throws(RegionFault) {
    for register in [SegmentRegister.cs, .ss, .ds, .es, .fs, .gs] {
      guard let segment = region.segment(register) else { continue }
      guard segment.accessRights == 0xf3, segment.limit == 0xffff,
        segment.base == UInt64(segment.selector) << 4
      else { throw fault(.virtual8086, register) }
    }
  }

  private func checkSegments() throws(RegionFault) {
    if let rights = region.accessRights(of: .tr) {
      let type = rights & 0xf
      let isTyped = type == 11 || (type == 3 && !isLongMode)
      guard isTyped, rights & 0xffff_0f90 == 0x80, (region[.GUEST_TR_SELECTOR] ?? 0) & 4 == 0 else {
        throw fault(.taskRegister, .tr)
      }
    }
    if let rights = region.accessRights(of: .cs) {
      let type = rights & 0xf
      let isTyped = type == 9 || type == 11 || type == 13 || type == 15
      let mayBeData = type == 3 && controls.isUnrestrictedGuest == true
      guard isTyped || mayBeData, rights & 0xffff_0f90 == 0x90 else { throw fault(.codeSegment, .cs) }
      try checkStack(codeRights: rights)
    }
    for register in SegmentRegister.allCases where isUsable(register) {
      guard let segment = region.segment(register) else { continue }
      let isGranular = segment.accessRights >> 15 & 1 == 1
      let holds = isGranular ? segment.limit & 0xfff == 0xfff : segment.limit >> 20 == 0
      guard holds else { throw RegionFault(.limit, register.fields.limit, UInt64(segment.limit)) }
    }
  }

  private func checkStack(codeRights: UInt32) throws(RegionFault) {
    guard let rights = region.accessRights(of: .ss), rights >> 16 & 1 == 0 else { return }
    let type = rights & 0xf
    guard type == 3 || type == 7, rights & 0xffff_0f90 == 0x90 else { throw fault(.stackSegment, .ss) }
    let codeType = codeRights & 0xf
    // Non-conforming code runs at its own privilege level.
    if codeType == 9 || codeType == 11, rights >> 5 & 3 != codeRights >> 5 & 3 { throw fault(.stackSegment, .ss) }
  }
}

@testable import StreamCore

/// Packs a region by a layout's places, with code of its own for the access rights.
struct PageBuilder {
  let layout: Layout
  var bytes = [UInt8](repeating: 0, count: 4096)

  init(_ layout: Layout) {
    self.layout = layout
    bytes.store(layout.revisionIDs.first ?? 0, at: 0)
  }

  /// Sets a field to a value as the SDM defines it; a layout that lacks the field stays as it is.
  subscript(field: VMCSField) -> UInt64 {
    get { region[field] ?? 0 }
    set {
      guard field.name.hasSuffix("_AR_BYTES") else { return putStored(newValue, field) }
      switch layout.accessRights {
      case .sdm32, .unknown: putStored(newValue, field)
      case .rotated: putStored((newValue & 0xff_ffff) << 8 | newValue >> 24, field)
      case .packed16: putStored(newValue & 0xf0ff | (newValue >> 16 & 1) << 11, field)
      }
    }
  }

  mutating func putStored(_ value: UInt64, _ field: VMCSField) {
    guard let place = layout[field] else { return }
    for index in 0..<place.width { bytes[place.offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }

  var page: Page { Page(bytes) ?? .zero }
  var region: VMCSRegion { VMCSRegion(address: HPA(rawValue: 0x1000), page: page, layout: layout) }

  /// A 64-bit Linux guest in kernel mode, as KVM 6.1 leaves it after a HLT exit; EPTP names frame 0x40. Values:
  /// Documentation/vmcs.md §2 to §5.
  static func guest(_ layout: Layout) -> PageBuilder {
    var page = PageBuilder(layout)
    let values: [VMCSField: UInt64] = [
      .VMCS_LINK_POINTER: .max, .PIN_BASED_VM_EXEC_CONTROL: 0x7f, .CPU_BASED_VM_EXEC_CONTROL: 0xb5a0_6dfa,
      .SECONDARY_VM_EXEC_CONTROL: 0x34fa, .VM_EXIT_CONTROLS: 0xb_efff, .VM_ENTRY_CONTROLS: 0x53ff,
      .EPT_POINTER: 0x4005e, .GUEST_CR0: 0x8005_0033, .GUEST_CR3: 0x2_3000, .GUEST_CR4: 0x17_26b0,
      .CR0_GUEST_HOST_MASK: 0xffff_ffff_ffff_fff7, .CR4_GUEST_HOST_MASK: 0xffff_ffff_fffe_f871,
      .CR0_READ_SHADOW: 0x8005_0033, .CR4_READ_SHADOW: 0x17_06b0, .GUEST_RIP: 0xffff_ffff_8100_1234,
      .GUEST_RSP: 0xffff_c900_0000_3f00, .GUEST_RFLAGS: 0x246, .GUEST_DR7: 0x400,
      .GUEST_IA32_PAT: 0x0007_0406_0007_0406, .GUEST_IA32_EFER: 0x500, .VM_EXIT_REASON: 0xc,
      .GUEST_SYSENTER_CS: 0x10, .GUEST_SYSENTER_ESP: 0xffff_fe00_0000_3000,
      .GUEST_SYSENTER_EIP: 0xffff_ffff_8180_1000,
      .GUEST_GDTR_BASE: 0xffff_fe00_0000_1000, .GUEST_GDTR_LIMIT: 0x7f, .GUEST_IDTR_BASE: 0xffff_fe00_0000_0000,
      .GUEST_IDTR_LIMIT: 0xfff, .GUEST_CS_SELECTOR: 0x10, .GUEST_CS_LIMIT: 0xffff_ffff, .GUEST_CS_AR_BYTES: 0xa09b,
      .GUEST_SS_SELECTOR: 0x18, .GUEST_SS_LIMIT: 0xffff_ffff, .GUEST_SS_AR_BYTES: 0xc093,
      .GUEST_DS_AR_BYTES: 0x1_0010, .GUEST_ES_AR_BYTES: 0x1_0010, .GUEST_FS_AR_BYTES: 0x1_0010,
      .GUEST_GS_AR_BYTES: 0x1_0010, .GUEST_LDTR_AR_BYTES: 0x1_0082, .GUEST_TR_AR_BYTES: 0x8b,
      .GUEST_TR_SELECTOR: 0x40, .GUEST_TR_LIMIT: 0x206f, .GUEST_TR_BASE: 0xffff_fe00_0000_3000,
      .GUEST_GS_BASE: 0xffff_8880_0780_0000,
      .HOST_CR0: 0x8005_0033, .HOST_CR3: 0x77_1002, .HOST_CR4: 0x17_26b0, .HOST_IA32_EFER: 0xd01,
      .HOST_IA32_PAT: 0x0407_0506_0007_0106, .HOST_CS_SELECTOR: 0x10, .HOST_SS_SELECTOR: 0x18,
      .HOST_TR_SELECTOR: 0x40, .HOST_RIP: 0xffff_ffff_c073_73ae, .HOST_IDTR_BASE: 0xffff_fe00_0000_0000,
      .HOST_IA32_SYSENTER_CS: 0x10, .HOST_IA32_SYSENTER_EIP: 0xffff_ffff_8180_2000,
    ]
    for (field, value) in values { page[field] = value }
    return page
  }

  /// A vCPU that waits for its SIPI: reset state, no EPT pointer.
  static func neverRun(_ layout: Layout) -> PageBuilder {
    var page = guest(layout)
    let values: [VMCSField: UInt64] = [
      .EPT_POINTER: 0, .GUEST_CR3: 0, .GUEST_RIP: 0xfff0, .GUEST_CR0: 0x6000_0030, .GUEST_CR4: 0x2000,
      .GUEST_RFLAGS: 2, .VM_ENTRY_CONTROLS: 0x51ff, .GUEST_CS_SELECTOR: 0xf000, .GUEST_CS_LIMIT: 0xffff,
      .GUEST_CS_BASE: 0xffff_0000, .GUEST_CS_AR_BYTES: 0x9b, .GUEST_SS_LIMIT: 0xffff, .GUEST_SS_AR_BYTES: 0x93,
      .GUEST_SS_SELECTOR: 0, .GUEST_TR_SELECTOR: 0, .GUEST_TR_LIMIT: 0xffff, .GUEST_TR_BASE: 0,
      .GUEST_GDTR_BASE: 0, .GUEST_GDTR_LIMIT: 0xffff, .GUEST_IDTR_BASE: 0, .GUEST_IDTR_LIMIT: 0xffff,
      .GUEST_GS_BASE: 0,
    ]
    for (field, value) in values { page[field] = value }
    return page
  }
}

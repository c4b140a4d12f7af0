/// What the search through the host kernel takes from a VMCS region. A field that the layout lacks is `nil`, and what
/// would need it is not checked.
public struct RegionFacts: Sendable, Equatable {
  public var address: HPA
  public var hostCR3: UInt64?
  public var hostCR4: UInt64?
  public var hostRSP: UInt64?
  public var hostFSBase: UInt64?
  public var hostGSBase: UInt64?
  /// VM-entry MSR-load address: lies inside `vcpu_vmx`, behind `vmcs01`. Source: KVM, init_vmcs.
  public var entryMSRLoad: UInt64?
  public var msrBitmap: UInt64?
  public var virtualAPIC: UInt64?
  public var cr0Mask: UInt64?
  public var cr4Mask: UInt64?
  public var guestCR0: UInt64?
  public var guestRSP: UInt64?
  /// The control words in the order of `loaded_vmcs.controls_shadow`.
  public var entryControls: UInt64?
  public var exitControls: UInt64?
  public var pinControls: UInt64?
  public var processorControls: UInt64?
  public var secondaryControls: UInt64?
  public var exitReason: UInt64?

  public init(address: HPA) { self.address = address }

  public init(_ region: VMCSRegion) {
    address = region.address
    hostCR3 = region[.HOST_CR3]
    hostCR4 = region[.HOST_CR4]
    hostRSP = region[.HOST_RSP]
    hostFSBase = region[.HOST_FS_BASE]
    hostGSBase = region[.HOST_GS_BASE]
    entryMSRLoad = region[.VM_ENTRY_MSR_LOAD_ADDR]
    msrBitmap = region[.MSR_BITMAP]
    virtualAPIC = region[.VIRTUAL_APIC_PAGE_ADDR]
    cr0Mask = region[.CR0_GUEST_HOST_MASK]
    cr4Mask = region[.CR4_GUEST_HOST_MASK]
    guestCR0 = region[.GUEST_CR0]
    guestRSP = region[.GUEST_RSP]
    entryControls = region[.VM_ENTRY_CONTROLS]
    exitControls = region[.VM_EXIT_CONTROLS]
    pinControls = region[.PIN_BASED_VM_EXEC_CONTROL]
    processorControls = region[.CPU_BASED_VM_EXEC_CONTROL]
    secondaryControls = region[.SECONDARY_VM_EXEC_CONTROL]
    exitReason = region[.VM_EXIT_REASON]
  }

  /// Entry control 9: the guest is in IA-32e mode.
  var isLongMode: Bool? { entryControls.map { $0 >> 9 & 1 == 1 } }

  /// Basic exit reason (bits 15:0). Source: SDM vol. 3, appendix C.
  var basicExitReason: UInt64? { exitReason.map { $0 & 0xffff } }

  /// Whether GUEST_CR3 is what the guest loaded: EPT is on, and paging too unless the processor runs real mode itself
  /// (unrestricted guest). Source: vmx/invariants.md §5.
  var guestCR3IsGuests: Bool {
    guard let secondaryControls else { return true }
    guard (processorControls ?? 1 << 31) >> 31 & 1 == 1, secondaryControls >> 1 & 1 == 1 else { return false }
    return secondaryControls >> 7 & 1 == 1 || (guestCR0 ?? 0) >> 31 & 1 == 1
  }
}

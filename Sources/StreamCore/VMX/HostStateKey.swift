/// The host-state fields that are equal in all live regions of one host (vmx/invariants.md §2, "strong group key"). A
/// region that disagrees with the others is stale, or another hypervisor's. Fields that the layout lacks are `nil` in
/// all.
public struct HostStateKey: Sendable, Hashable {
  public let rip: UInt64?
  public let idtrBase: UInt64?
  public let cs: UInt64?
  public let ss: UInt64?
  public let tr: UInt64?
  public let cr0: UInt64?
  public let efer: UInt64?
  public let pat: UInt64?
  public let sysenterCS: UInt64?
  public let sysenterEIP: UInt64?

  public init(_ region: VMCSRegion) {
    rip = region[.HOST_RIP]
    idtrBase = region[.HOST_IDTR_BASE]
    cs = region[.HOST_CS_SELECTOR]
    ss = region[.HOST_SS_SELECTOR]
    tr = region[.HOST_TR_SELECTOR]
    cr0 = region[.HOST_CR0]
    efer = region[.HOST_IA32_EFER]
    pat = region[.HOST_IA32_PAT]
    sysenterCS = region[.HOST_IA32_SYSENTER_CS]
    sysenterEIP = region[.HOST_IA32_SYSENTER_EIP]
  }
}

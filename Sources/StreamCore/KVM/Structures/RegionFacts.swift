/// What the search through the host kernel takes from a region, a VMCS or a VMCB. A field that the layout lacks, and all
/// host state of a VMCB, is `nil`, and what would need it is not checked.
struct RegionFacts: Sendable, Equatable {
  var address: HPA
  private(set) var vendor = Vendor.intel
  /// A layout read it; else only its address is known.
  private(set) var isRead = false
  var hostCR3: UInt64?
  var hostCR4: UInt64?
  var hostRSP: UInt64?
  var hostFSBase: UInt64?
  var hostGSBase: UInt64?
  /// VM-entry MSR-load address: lies inside `vcpu_vmx`, behind `vmcs01`. Source: KVM, init_vmcs.
  var entryMSRLoad: UInt64?
  /// Of a VMCB its MSR permission map, with the host's encryption bit.
  var msrBitmap: UInt64?
  var virtualAPIC: UInt64?
  var cr0Mask: UInt64?
  var cr4Mask: UInt64?
  var guestRSP: UInt64?
  /// Of a VMCB.
  private(set) var saved: Saved?
  /// The control words in the order of `loaded_vmcs.controls_shadow`.
  var entryControls: UInt64?
  var exitControls: UInt64?
  var pinControls: UInt64?
  var processorControls: UInt64?
  var secondaryControls: UInt64?
  var exitReason: UInt64?

  /// What an exit saves in a VMCB and KVM copies into the vCPU.
  struct Saved: Sendable, Equatable {
    let rax: UInt64
    let rip: UInt64
    let cr2: UInt64
    let efer: UInt64
  }

  init(address: HPA, vendor: Vendor = .intel) {
    self.address = address
    self.vendor = vendor
  }

  /// Only what is there in the clear.
  init(_ vmcb: VMCB) {
    address = vmcb.address
    vendor = .amd
    isRead = true
    exitReason = vmcb[.exitCode]
    msrBitmap = vmcb[.msrpmBase]
    guard vmcb.encryption != .stateToo else { return }
    guestRSP = vmcb[.rsp]
    saved = Saved(rax: vmcb[.rax], rip: vmcb[.rip], cr2: vmcb[.cr2], efer: vmcb[.efer])
  }

  init(_ region: VMCSRegion) {
    address = region.address
    isRead = true
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
    guestRSP = region[.GUEST_RSP]
    entryControls = region[.VM_ENTRY_CONTROLS]
    exitControls = region[.VM_EXIT_CONTROLS]
    pinControls = region[.PIN_BASED_VM_EXEC_CONTROL]
    processorControls = region[.CPU_BASED_VM_EXEC_CONTROL]
    secondaryControls = region[.SECONDARY_VM_EXEC_CONTROL]
    exitReason = region[.VM_EXIT_REASON]
  }

  /// The guest is in long mode: EFER.LMA, or entry control 9.
  var isLongMode: Bool? { saved.map { $0.efer >> 10 & 1 == 1 } ?? entryControls.map { $0 >> 9 & 1 == 1 } }

  /// The vCPU left its guest by HLT. Source: SDM vol. 3, appendix C (bits 15:0); svm.h, SVM_EXIT_HLT.
  var isHalt: Bool { vendor == .amd ? exitReason == 0x78 : exitReason.map { $0 & 0xffff } == 12 }

  /// The five control words as `controls_shadow` holds them, or `nil` when one is not known.
  var controlWords: [UInt32]? {
    let all = [entryControls, exitControls, pinControls, processorControls, secondaryControls]
    let words = all.compactMap { $0.flatMap(UInt32.init(exactly:)) }
    return words.count == all.count && words.contains { $0 != 0 } ? words : nil
  }
}

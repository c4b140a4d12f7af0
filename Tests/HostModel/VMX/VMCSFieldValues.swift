/// Every field of a region with its value, by the names of the catalogue.
enum VMCSFieldValues {
  /// Exit reason and interruption information: HLT, or the NMI by which the crash stopped a running guest.
  static func exit(_ state: VCPUActivity) -> (reason: UInt64, information: UInt64, length: UInt64) {
    switch state {
    case .running: (0, 0x8000_0202, 0)
    case .halted, .stopped: (0xc, 0, 1)
    case .neverRun: (0, 0, 0)
    }
  }

  static func all(
    _ cpu: GuestCPU, controls: VMCSControls, host: VMCSHostState, pointers: VMCSPointers, vpid: UInt64,
    tscOffset: UInt64
  ) -> [String: UInt64] {
    var fields = guest(cpu)
    fields.merge(hostFields(host)) { $1 }
    let exit = exit(cpu.state)
    let hasRun = cpu.state != .neverRun
    let values: [String: UInt64] = [
      "VIRTUAL_PROCESSOR_ID": vpid, "TSC_OFFSET": tscOffset, "TSC_MULTIPLIER": 1 << 48,
      "PIN_BASED_VM_EXEC_CONTROL": controls.pin, "CPU_BASED_VM_EXEC_CONTROL": controls.processor,
      "SECONDARY_VM_EXEC_CONTROL": controls.secondary, "VM_EXIT_CONTROLS": controls.exit,
      "VM_ENTRY_CONTROLS": controls.entry, "EXCEPTION_BITMAP": 0x60042, "PLE_GAP": 0x80, "PLE_WINDOW": 0x1000,
      "MSR_BITMAP": pointers.msrBitmap, "VIRTUAL_APIC_PAGE_ADDR": pointers.virtualAPIC,
      "APIC_ACCESS_ADDR": pointers.apicAccess, "VM_ENTRY_MSR_LOAD_ADDR": pointers.entryMSRLoad,
      "VM_EXIT_MSR_LOAD_ADDR": pointers.exitMSRLoad, "VMREAD_BITMAP": pointers.vmread,
      "VMWRITE_BITMAP": pointers.vmwrite, "PML_ADDRESS": pointers.pml, "GUEST_PML_INDEX": 0x1ff,
      "EPT_POINTER": pointers.ept, "XSS_EXIT_BITMAP": 0,
      "CR0_GUEST_HOST_MASK": ~GuestCPU.cr0Owned, "CR4_GUEST_HOST_MASK": ~GuestCPU.cr4Owned,
      "CR0_READ_SHADOW": cpu.cr0Shadow, "CR4_READ_SHADOW": cpu.cr4Shadow,
      "VM_EXIT_REASON": exit.reason, "VM_EXIT_INTR_INFO": exit.information, "VM_EXIT_INSTRUCTION_LEN": exit.length,
      // What earlier events left, no longer valid: a timer interrupt, an EPT violation, an instruction.
      "VM_ENTRY_INTR_INFO_FIELD": hasRun ? 0xec : 0, "VMX_INSTRUCTION_INFO": hasRun ? 0x18080 : 0,
      "GUEST_PHYSICAL_ADDRESS": hasRun ? 0xfec0_0010 : 0,
      "GUEST_LINEAR_ADDRESS": hasRun ? 0xffff_ffff_ff5f_c010 : 0,
      "VMX_PREEMPTION_TIMER_VALUE": hasRun ? 0x11a_060f &+ vpid &* 0x2_17f1 : 0,
    ]
    fields.merge(values) { $1 }
    return fields
  }

  private static func guest(_ cpu: GuestCPU) -> [String: UInt64] {
    let truth = cpu.truth
    var fields: [String: UInt64] = [
      "VMCS_LINK_POINTER": ~0, "GUEST_CR0": cpu.hardwareCR0, "GUEST_CR3": truth["cr3"], "GUEST_CR4": cpu.hardwareCR4,
      "GUEST_RSP": truth["rsp"], "GUEST_RIP": cpu.exitRIP, "GUEST_RFLAGS": truth["rflags"], "GUEST_DR7": truth["dr7"],
      "GUEST_IA32_PAT": truth["pat"], "GUEST_IA32_DEBUGCTL": 0,
      // With the control off the field keeps what an earlier mode left.
      "GUEST_IA32_EFER": cpu.loadsEFER ? truth["efer"] : 0x500,
      "GUEST_SYSENTER_CS": truth["sysenter_cs"], "GUEST_SYSENTER_ESP": truth["sysenter_esp"],
      "GUEST_SYSENTER_EIP": truth["sysenter_eip"],
      "GUEST_GDTR_BASE": truth.gdtr.base, "GUEST_GDTR_LIMIT": UInt64(truth.gdtr.limit),
      "GUEST_IDTR_BASE": truth.idtr.base, "GUEST_IDTR_LIMIT": UInt64(truth.idtr.limit),
    ]
    for name in BuiltRegisters.segmentOrder {
      guard let segment = truth.segments[name] else { continue }
      let prefix = "GUEST_\(name.uppercased())_"
      fields[prefix + "SELECTOR"] = UInt64(segment.selector)
      fields[prefix + "BASE"] = segment.base
      fields[prefix + "LIMIT"] = UInt64(segment.limit)
      fields[prefix + "AR_BYTES"] = UInt64(segment.accessRights)
    }
    return fields
  }

  private static func hostFields(_ host: VMCSHostState) -> [String: UInt64] {
    [
      "HOST_CR0": 0x8005_0033, "HOST_CR3": host.cr3, "HOST_CR4": host.cr4, "HOST_IA32_EFER": GuestCPU.hostEFER,
      "HOST_IA32_PAT": 0x0407_0506_0007_0106, "HOST_CS_SELECTOR": 0x10, "HOST_SS_SELECTOR": 0x18,
      "HOST_TR_SELECTOR": 0x40, "HOST_TR_BASE": host.trBase, "HOST_GDTR_BASE": host.gdtrBase,
      "HOST_IDTR_BASE": BuiltKernel.entryArea, "HOST_GS_BASE": host.gsBase, "HOST_FS_BASE": host.fsBase,
      "HOST_IA32_SYSENTER_CS": 0x10, "HOST_IA32_SYSENTER_ESP": host.trBase,
      "HOST_IA32_SYSENTER_EIP": host.sysenterEIP, "HOST_RSP": host.rsp, "HOST_RIP": host.rip,
    ]
  }
}

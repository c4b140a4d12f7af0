/// The copies of one vCPU's fields, gathered for one of its regions.
struct VCPUCopies {
  let reader: KernelReader
  let vcpu: VirtualAddress
  private(set) var controls: UInt64 = 0
  private(set) var hasEPT = false
  var known: [VMCSField: KnownValue] = [:]

  init(reader: KernelReader, vcpu: VirtualAddress) {
    self.reader = reader
    self.vcpu = vcpu
  }

  func value(_ path: String) -> UInt64? { try? reader.value(path, at: vcpu) }

  mutating func add(_ field: VMCSField, _ value: UInt64?, _ source: String) {
    if let value { known[field] = KnownValue(values: [value], source: source) }
  }

  /// What a `loaded_vmcs` keeps of its own region, whoever runs. Source: vmcs.h, vmcs_host_state, vmcs_controls_shadow.
  mutating func addLoaded(_ structure: String) {
    let state: [(VMCSField, String)] = [
      (.HOST_CR3, "cr3"), (.HOST_CR4, "cr4"), (.HOST_GS_BASE, "gs_base"), (.HOST_FS_BASE, "fs_base"),
      (.HOST_RSP, "rsp"),
    ]
    for (field, name) in state {
      add(field, value("\(structure).host_state.\(name)"), "loaded_vmcs.host_state.\(name)")
    }
    // What the host must not load is kept and not written. Source: vmx_set_host_fs_gs.
    for (field, name) in [(VMCSField.HOST_FS_SELECTOR, "fs_sel"), (.HOST_GS_SELECTOR, "gs_sel")] {
      if let value = value("\(structure).host_state.\(name)"), value & 7 == 0 {
        add(field, value, "loaded_vmcs.host_state.\(name)")
      }
    }
    let shadow: [(VMCSField, String)] = [
      (.VM_ENTRY_CONTROLS, "vm_entry"), (.VM_EXIT_CONTROLS, "vm_exit"), (.PIN_BASED_VM_EXEC_CONTROL, "pin"),
      (.CPU_BASED_VM_EXEC_CONTROL, "exec"), (.SECONDARY_VM_EXEC_CONTROL, "secondary_exec"),
    ]
    for (field, name) in shadow {
      add(field, value("\(structure).controls_shadow.\(name)"), "loaded_vmcs.controls_shadow.\(name)")
    }
    controls = known[.VM_ENTRY_CONTROLS]?.exact ?? 0
    hasEPT = (known[.SECONDARY_VM_EXEC_CONTROL]?.exact ?? 0) & 2 != 0
    // CPU-based control 28: use MSR bitmaps.
    if (known[.CPU_BASED_VM_EXEC_CONTROL]?.exact ?? 0) >> 28 & 1 == 1 {
      add(.MSR_BITMAP, page("\(structure).msr_bitmap"), "loaded_vmcs.msr_bitmap")
    }
  }

  /// What belongs to `vmcs01` alone.
  /// - Parameter roots: of the VM's map, that KVM has in use for the vCPU.
  mutating func addOwn(roots: Set<HPA>) {
    if hasEPT, !roots.isEmpty {
      known[.EPT_POINTER] = KnownValue(
        values: roots.map(\.rawValue).sorted(), mask: reader.kernel.frameMask, source: "root_mmu's root")
    }
    for (field, member) in [(VMCSField.VM_ENTRY_MSR_LOAD_ADDR, "guest"), (.VM_EXIT_MSR_LOAD_ADDR, "host")] {
      if let path = try? reader.types.path("vcpu_vmx.msr_autoload.\(member).val"),
        let place = try? reader.address(path, at: vcpu)
      {
        add(field, reader.kernel.physical(ofDirectMap: place.rawValue)?.rawValue, "vmx.msr_autoload.\(member)")
      }
    }
    // CPU-based control 21: use TPR shadow.
    if (known[.CPU_BASED_VM_EXEC_CONTROL]?.exact ?? 0) >> 21 & 1 == 1 {
      add(.VIRTUAL_APIC_PAGE_ADDR, page("kvm_vcpu.arch.apic->regs"), "arch.apic.regs")
    }
    add(.VIRTUAL_PROCESSOR_ID, value("vcpu_vmx.vpid").map { $0 & 0xffff }, "vmx.vpid")
  }

  /// The physical address of a page that a pointer names through the direct map.
  private func page(_ path: String) -> UInt64? {
    value(path).flatMap { reader.kernel.page(named: $0) }?.rawValue
  }

  /// `vcpu_vmx.segment_cache`: for each register four bits of what is valid. Source: vmx.c, vmx_segment_cache_test_set;
  /// the order is VCPU_SREG_ES to VCPU_SREG_LDTR.
  mutating func addSegments() {
    guard let valid = value("vcpu_vmx.segment_cache.bitmask") else { return }
    let order: [SegmentRegister] = [.es, .cs, .ss, .ds, .fs, .gs, .tr, .ldtr]
    for (index, register) in order.enumerated() {
      let fields = register.fields
      let parts: [(VMCSField, String)] = [
        (fields.selector, "selector"), (fields.base, "base"), (fields.limit, "limit"), (fields.accessRights, "ar"),
      ]
      for (part, (field, name)) in parts.enumerated() where valid >> UInt64(4 * index + part) & 1 == 1 {
        add(field, value("vcpu_vmx.segment_cache.seg[\(index)].\(name)"), "vmx.segment_cache, valid")
      }
    }
  }

  /// Source: vmx_set_cr0: the shadow is what the guest set; the field adds NE, and without unrestricted guest WP, PG and
  /// PE, and clears CD and NW.
  /// - Parameter isWhole: the copy has the guest's own bits, too.
  mutating func addCR0(_ cr0: UInt64, owned: UInt64, isWhole: Bool) {
    known[.CR0_READ_SHADOW] = KnownValue(values: [cr0], mask: ~owned, source: "arch.cr0, host-owned bits")
    let always: UInt64 = 0x8001_0021
    let never: UInt64 = 0x6000_0000
    guard cr0 & always == always, cr0 & never == 0 else { return }
    known[.GUEST_CR0] = KnownValue(
      values: [cr0], mask: isWhole ? .max : ~owned,
      source: isWhole ? "arch.cr0, available" : "arch.cr0, host-owned bits")
  }

  /// Source: vmx_set_cr4: the field adds VMXE, takes MCE from the host, and may lack UMIP.
  mutating func addCR4(_ cr4: UInt64, owned: UInt64, isWhole: Bool, isPaging: Bool) {
    known[.CR4_READ_SHADOW] = KnownValue(values: [cr4], mask: ~owned, source: "arch.cr4, host-owned bits")
    let vmxe: UInt64 = 1 << 13
    let foreign: UInt64 = 1 << 6 | 1 << 11
    let pae: UInt64 = 1 << 5
    guard isPaging, cr4 & pae != 0 else { return }
    known[.GUEST_CR4] = KnownValue(
      values: [cr4 | vmxe], mask: (isWhole ? .max : ~owned) & ~foreign,
      source: isWhole ? "arch.cr4, available" : "arch.cr4, host-owned bits")
  }
}

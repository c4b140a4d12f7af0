/// A VMCS region in the layout of Intel's Haswell, revision id 0x12. Each line of the table: field, byte, width.
/// Source: Actaeon, vmcs_layouts/haswell.py; volatility3, haswell-architecture.json.
struct VMCSPage: Sendable {
  static let revision: UInt32 = 0x12

  private var memory = KernelMemory(free: 0..<0)

  init() { memory.store(UInt64(Self.revision), at: 0, width: 4) }

  var words: [UInt64] { memory.pages[0] ?? KernelMemory.zero }

  /// Fields that the layout lacks are left out, as the processor has no place for them.
  subscript(_ field: String) -> UInt64 {
    get { Self.places[field].map { memory.load($0.offset & ~7) } ?? 0 }
    set {
      guard let place = Self.places[field] else { return }
      // Access rights take 16 bits: bit 16, unusable, stands in bit 11.
      let value = field.hasSuffix("_AR_BYTES") ? newValue & 0xf0ff | newValue >> 5 & 0x0800 : newValue
      memory.store(value, at: place.offset, width: place.width)
    }
  }

  private static let places: [String: (offset: UInt64, width: Int)] = {
    var places: [String: (offset: UInt64, width: Int)] = [:]
    for line in table.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, let offset = UInt64(words[1]), let width = Int(words[2]) else { continue }
      places[String(words[0])] = (offset, width)
    }
    return places
  }()

  private static let table = """
    GUEST_ES_SELECTOR 32 2
    GUEST_ES_AR_BYTES 34 2
    GUEST_ES_LIMIT 36 4
    GUEST_ES_BASE 40 8
    GUEST_CS_SELECTOR 48 2
    GUEST_CS_AR_BYTES 50 2
    GUEST_CS_LIMIT 52 4
    GUEST_CS_BASE 56 8
    GUEST_SS_SELECTOR 64 2
    GUEST_SS_AR_BYTES 66 2
    GUEST_SS_LIMIT 68 4
    GUEST_SS_BASE 72 8
    GUEST_DS_SELECTOR 80 2
    GUEST_DS_AR_BYTES 82 2
    GUEST_DS_LIMIT 84 4
    GUEST_DS_BASE 88 8
    GUEST_LDTR_SELECTOR 96 2
    GUEST_LDTR_AR_BYTES 98 2
    GUEST_LDTR_LIMIT 100 4
    GUEST_LDTR_BASE 104 8
    GUEST_TR_SELECTOR 112 2
    GUEST_TR_AR_BYTES 114 2
    GUEST_TR_LIMIT 116 4
    GUEST_TR_BASE 120 8
    GUEST_FS_SELECTOR 128 2
    GUEST_FS_AR_BYTES 130 2
    GUEST_FS_LIMIT 132 4
    GUEST_FS_BASE 136 8
    GUEST_GS_SELECTOR 144 2
    GUEST_GS_AR_BYTES 146 2
    GUEST_GS_LIMIT 148 4
    GUEST_GS_BASE 152 8
    GUEST_GDTR_LIMIT 164 4
    GUEST_GDTR_BASE 168 8
    GUEST_IDTR_LIMIT 180 4
    GUEST_IDTR_BASE 184 8
    HOST_ES_SELECTOR 192 2
    HOST_CS_SELECTOR 194 2
    HOST_SS_SELECTOR 196 2
    HOST_DS_SELECTOR 198 2
    HOST_FS_SELECTOR 200 2
    HOST_GS_SELECTOR 202 2
    HOST_TR_SELECTOR 204 2
    VIRTUAL_PROCESSOR_ID 206 2
    PLE_GAP 240 4
    PLE_WINDOW 244 4
    VMCS_LINK_POINTER 248 8
    GUEST_IA32_DEBUGCTL 256 8
    GUEST_IA32_PAT 264 8
    GUEST_IA32_EFER 272 8
    CPU_BASED_VM_EXEC_CONTROL 288 4
    SECONDARY_VM_EXEC_CONTROL 292 4
    PIN_BASED_VM_EXEC_CONTROL 296 4
    GUEST_INTERRUPTIBILITY_INFO 312 4
    GUEST_ACTIVITY_STATE 316 4
    EPT_POINTER 320 8
    GUEST_PHYSICAL_ADDRESS 328 8
    VM_ENTRY_INTR_INFO_FIELD 336 4
    VM_ENTRY_EXCEPTION_ERROR_CODE 340 4
    VM_ENTRY_INSTRUCTION_LEN 344 4
    VM_EXIT_CONTROLS 348 4
    VMX_PREEMPTION_TIMER_VALUE 352 4
    VM_EXIT_MSR_LOAD_COUNT 360 4
    VM_EXIT_REASON 364 4
    VM_EXIT_INTR_INFO 368 4
    VM_EXIT_INTR_ERROR_CODE 372 4
    VM_EXIT_INSTRUCTION_LEN 384 4
    VMX_INSTRUCTION_INFO 388 4
    TSC_OFFSET 400 8
    EXIT_QUALIFICATION 408 8
    GUEST_LINEAR_ADDRESS 448 8
    GUEST_DR7 456 8
    GUEST_RSP 464 8
    GUEST_RIP 472 8
    GUEST_RFLAGS 480 8
    GUEST_PENDING_DBG_EXCEPTIONS 488 8
    GUEST_SYSENTER_ESP 496 8
    GUEST_SYSENTER_EIP 504 8
    GUEST_SYSENTER_CS 512 4
    GUEST_CR0 520 8
    GUEST_CR3 528 8
    GUEST_CR4 536 8
    CR0_GUEST_HOST_MASK 576 8
    CR4_GUEST_HOST_MASK 584 8
    CR0_READ_SHADOW 592 8
    CR4_READ_SHADOW 600 8
    EXCEPTION_BITMAP 688 4
    VM_ENTRY_CONTROLS 696 4
    VM_ENTRY_MSR_LOAD_COUNT 700 4
    VIRTUAL_APIC_PAGE_ADDR 704 8
    VM_EXIT_MSR_LOAD_ADDR 736 8
    VM_ENTRY_MSR_LOAD_ADDR 744 8
    APIC_ACCESS_ADDR 752 8
    MSR_BITMAP 760 8
    HOST_RSP 768 8
    HOST_RIP 776 8
    HOST_IA32_PAT 784 8
    HOST_IA32_EFER 792 8
    HOST_CR0 808 8
    HOST_CR3 816 8
    HOST_CR4 824 8
    HOST_IDTR_BASE 832 8
    HOST_GDTR_BASE 840 8
    HOST_FS_BASE 848 8
    HOST_GS_BASE 856 8
    HOST_TR_BASE 864 8
    HOST_IA32_SYSENTER_ESP 872 8
    HOST_IA32_SYSENTER_EIP 880 8
    HOST_IA32_SYSENTER_CS 888 4
    VMREAD_BITMAP 912 8
    VMWRITE_BITMAP 920 8
    """
}

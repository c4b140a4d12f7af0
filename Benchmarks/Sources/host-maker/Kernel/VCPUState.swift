/// What a halted vCPU of a Linux guest holds, and where KVM and the processor keep it. Values as seen on real hosts.
struct VCPUState: Sendable {
  static let efer: UInt64 = 0xd01
  static let cr0Owned: UInt64 = 0x10008
  static let cr4Owned: UInt64 = 0x1078e
  /// In `controls_shadow`'s order: entry, exit, pin-based, processor-based, secondary.
  static let controls: [UInt64] = [0x53ff, 0xbefff, 0x7f, 0xb5a0_6dfa, 0x34fa]

  struct Segment: Sendable {
    var name: String
    var selector: UInt64
    var base: UInt64 = 0
    var limit: UInt64 = 0
    var rights: UInt64
  }

  let kernel: GuestKernel
  let index: UInt64
  let isRunning: Bool
  let general: [UInt64]
  let cr0: UInt64 = 0x8005_0033
  let cr2: UInt64
  let cr3: UInt64
  let cr4: UInt64 = 0x1706b0
  let rflags: UInt64 = 0x246
  let segments: [Segment]

  init(_ kernel: GuestKernel, index: UInt64, isRunning: Bool, random: inout Random) {
    self.kernel = kernel
    self.index = index
    self.isRunning = isRunning
    var general = (0..<16).map { _ in random.next() >> (random.next() % 48) }
    general[4] = kernel.directMap + kernel.image + 0xbe00 + random.below(32) << 3
    self.general = general
    cr2 = 0x7f00_0000_0000 + random.below(1 << 40) & ~7
    cr3 = kernel.root | index % 6 + 1
    let perCPU = kernel.directMap + kernel.image + 0x10_0000 + index << 14
    let unusable: UInt64 = 0x10010
    segments = [
      Segment(name: "ES", selector: 0, rights: unusable),
      Segment(name: "CS", selector: 0x10, limit: 0xffff_ffff, rights: 0xa09b),
      Segment(name: "SS", selector: 0x18, limit: 0xffff_ffff, rights: 0xc093),
      Segment(name: "DS", selector: 0, rights: unusable),
      Segment(name: "FS", selector: 0, rights: unusable),
      Segment(name: "GS", selector: 0, base: perCPU, rights: unusable),
      Segment(
        name: "TR", selector: 0x40, base: HostKernel.entryArea + 0x3000 + index * 0x3b000, limit: 0x67, rights: 0x8b),
      Segment(name: "LDTR", selector: 0, limit: 0xffff, rights: 0x10082),
    ]
  }

  /// KVM emulates HLT: the field points at it, `arch.regs` one past it.
  var exitRIP: UInt64 { kernel.stext + GuestKernel.idle + (isRunning ? 0 : 1) }
  var rip: UInt64 { exitRIP + (isRunning ? 0 : 1) }
  /// `regs_avail` and `regs_dirty`.
  var available: UInt64 { isRunning ? 0xff00_ffef : 0xfe21_ffef }
  var dirty: UInt64 { isRunning ? 0 : 0x10000 }

  /// The guest's part of its region.
  func write(to page: inout VMCSPage) {
    let words: [(String, UInt64)] = [
      ("VMCS_LINK_POINTER", ~0), ("GUEST_CR0", cr0), ("GUEST_CR3", cr3), ("GUEST_CR4", cr4 | 0x2000),
      ("GUEST_RSP", general[4]), ("GUEST_RIP", exitRIP), ("GUEST_RFLAGS", rflags), ("GUEST_DR7", 0x400),
      ("GUEST_IA32_PAT", 0x0007_0406_0007_0406), ("GUEST_IA32_EFER", 0x500), ("GUEST_SYSENTER_CS", 0x10),
      ("GUEST_SYSENTER_ESP", HostKernel.entryArea + 0x3000 + index * 0x3b000),
      ("GUEST_SYSENTER_EIP", kernel.stext + HostKernel.Place.sysenter),
      ("GUEST_GDTR_BASE", HostKernel.entryArea + 0x1000 + index * 0x3b000), ("GUEST_GDTR_LIMIT", 0x7f),
      ("GUEST_IDTR_BASE", HostKernel.entryArea), ("GUEST_IDTR_LIMIT", 0xfff),
      ("CR0_GUEST_HOST_MASK", ~Self.cr0Owned), ("CR4_GUEST_HOST_MASK", ~Self.cr4Owned), ("CR0_READ_SHADOW", cr0),
      ("CR4_READ_SHADOW", cr4 & ~0x80), ("VM_EXIT_REASON", isRunning ? 0 : 0xc),
      ("VM_EXIT_INTR_INFO", isRunning ? 0x8000_0202 : 0), ("VM_EXIT_INSTRUCTION_LEN", isRunning ? 0 : 1),
      ("VM_ENTRY_INTR_INFO_FIELD", 0xec), ("VMX_INSTRUCTION_INFO", 0x18080), ("GUEST_PHYSICAL_ADDRESS", 0xfec0_0010),
      ("GUEST_LINEAR_ADDRESS", 0xffff_ffff_ff5f_c010),
    ]
    for (field, value) in words { page[field] = value }
    for segment in segments {
      page["GUEST_\(segment.name)_SELECTOR"] = segment.selector
      page["GUEST_\(segment.name)_BASE"] = segment.base
      page["GUEST_\(segment.name)_LIMIT"] = segment.limit
      page["GUEST_\(segment.name)_AR_BYTES"] = segment.rights
    }
  }
}

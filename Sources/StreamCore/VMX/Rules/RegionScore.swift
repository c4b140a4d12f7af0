/// The weak rules: what is true of nearly every KVM guest, and proves nothing alone (vmx/invariants.md §2 and §4).
struct RegionScore {
  private(set) var score = RegionAcceptance.Score(held: 0, asked: 0)

  init(_ region: VMCSRegion, memory: (any PhysicalMemory)?, pointer: EPTPointer?) {
    // Basic reasons end at 0x4f here; bits 27:16 are clear.
    ask(region[.VM_EXIT_REASON]) { $0 & 0xfff_0000 == 0 && $0 & 0xffff <= 0x4f }
    ask(region[.GUEST_TR_LIMIT]) { [0x67, 0x206f, 0x4087].contains($0) }
    ask(region[.GUEST_IDTR_LIMIT]) { $0 == 0xfff }
    // Undefined outside PAE paging by the SDM, and 0 in every 64-bit guest that was seen.
    if region[.VM_ENTRY_CONTROLS].map({ $0 >> 9 & 1 == 1 }) ?? false {
      for field in [VMCSField.GUEST_PDPTR0, .GUEST_PDPTR1, .GUEST_PDPTR2, .GUEST_PDPTR3] {
        ask(region[field]) { $0 == 0 }
      }
    }
    ask(region[.HOST_CS_SELECTOR]) { $0 == 0x10 }
    ask(region[.HOST_SS_SELECTOR]) { $0 == 0x18 }
    ask(region[.HOST_TR_SELECTOR]) { $0 == 0x40 }
    // PE, NE, PG; PAE, VMXE.
    ask(region[.HOST_CR0]) { $0 & 0x8000_0021 == 0x8000_0021 }
    ask(region[.HOST_CR4]) { $0 & 0x2020 == 0x2020 }
    ask(region[.HOST_RIP]) { $0 >> 47 == 0x1ffff }
    askMemory(region, memory, pointer)
  }

  private mutating func ask(_ value: UInt64?, _ holds: (UInt64) -> Bool) {
    guard let value else { return }
    score.asked += 1
    if holds(value) { score.held += 1 }
  }

  /// CR3 lies in the guest's memory, and RIP is mapped through both.
  private mutating func askMemory(_ region: VMCSRegion, _ memory: (any PhysicalMemory)?, _ pointer: EPTPointer?) {
    guard let memory, let pointer, let cr3 = region[.GUEST_CR3], let rip = region[.GUEST_RIP] else { return }
    let guest = EPTMemory(memory: memory, pointer: pointer)
    ask(cr3) { guest.hostFrame($0 >> 12 & 0xff_ffff_ffff) != nil }
    guard region[.VM_ENTRY_CONTROLS].map({ $0 >> 9 & 1 == 1 }) ?? false else { return }
    let levels = (region[.GUEST_CR4] ?? 0) >> 12 & 1 == 1 ? 5 : 4
    let tables = X86PageTables(memory: guest, root: cr3, levels: levels)
    ask(rip) { tables.translate(VirtualAddress(rawValue: $0)) != nil }
  }
}

/// A guest's memory as EPT alone shows it. For a few pages of one vCPU: nothing is remembered between two.
struct EPTMemory: PhysicalMemory {
  let memory: any PhysicalMemory
  let pointer: EPTPointer

  func page(_ frame: UInt64) -> PageResult {
    guard let host = hostFrame(frame) else { return .absent }
    return memory.page(host)
  }

  /// The host frame of a guest frame, at most five tables away.
  func hostFrame(_ frame: UInt64) -> UInt64? {
    EPTWalk.translate(GPA(frame: frame), memory: memory, pointer: pointer) { _, _ in true }?.hostFrame
  }
}

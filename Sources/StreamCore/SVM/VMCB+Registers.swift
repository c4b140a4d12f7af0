extension VMCB {
  /// The guest's registers as far as the page alone tells them; of the general registers RAX and RSP. An exit writes the
  /// save area, and KVM runs VMSAVE right after it, so that what VMLOAD and VMSAVE move is there as well. Source: KVM,
  /// __svm_vcpu_run; Documentation/amd.md §3.
  /// - Parameter isInUse: the vCPU runs by this VMCB. While another is in use, that of the guest's own guest, VMLOAD and
  ///   VMSAVE move that one's registers here.
  /// - Returns: `nil` where they are encrypted.
  func registerState(isInUse: Bool) -> RegisterState? {
    guard encryption != .stateToo else { return nil }
    var state = RegisterState()
    for (register, field) in Self.fields { state.registers[register] = Sourced(self[field], .vmcb) }
    // A guest that has SVM itself reads SVME set; KVM's own copy tells.
    state.registers[.efer] = Sourced(self[.efer] & ~Self.svme, .derived)
    for register in SegmentRegister.allCases { state.segments[register] = Sourced(segment(register), .vmcb) }
    if !isInUse { state.drop(Self.loaded, Self.loadedSegments) }
    state.gdtr = Sourced(gdtr, .vmcb)
    state.idtr = Sourced(idtr, .vmcb)
    return state
  }

  /// What VMLOAD and VMSAVE move. Source: AMD APM vol. 3, VMLOAD.
  private static let loaded: [Register] = [
    .star, .lstar, .cstar, .fmask, .kernel_gs_base, .sysenter_cs, .sysenter_esp, .sysenter_eip,
  ]
  private static let loadedSegments: [SegmentRegister] = [.fs, .gs, .ldtr, .tr]

  private static let fields: [(Register, Field)] = [
    (.rax, .rax), (.rsp, .rsp), (.rip, .rip), (.rflags, .rflags), (.cr0, .cr0), (.cr2, .cr2), (.cr3, .cr3),
    (.cr4, .cr4), (.dr6, .dr6), (.dr7, .dr7), (.pat, .pat), (.star, .star), (.lstar, .lstar), (.cstar, .cstar),
    (.fmask, .sfmask), (.kernel_gs_base, .kernelGSBase), (.sysenter_cs, .sysenterCS), (.sysenter_esp, .sysenterESP),
    (.sysenter_eip, .sysenterEIP),
  ]
}

extension RegisterState {
  fileprivate mutating func drop(_ dropped: [Register], _ droppedSegments: [SegmentRegister]) {
    let reason = "the VMCB has that of the guest's own guest"
    for register in dropped {
      registers[register] = nil
      reasons[register.rawValue] = reason
    }
    for register in droppedSegments {
      segments[register] = nil
      reasons[register.rawValue] = reason
    }
  }
}

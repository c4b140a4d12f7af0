@testable import StreamCore
import Testing

/// A VMCB written word by word, with what KVM writes for a 64-bit guest that runs.
private struct WrittenVMCB {
  var words: [Int: (value: UInt64, size: Int)] = [
    0x10: (1, 4), 0x40: (0x10_0000, 8), 0x48: (0x20_0000, 8), 0x58: (5, 4), 0x70: (0x78, 8), 0x90: (1, 8),
    0xb0: (0x30_0000, 8), 0x4d0: (0x1d01, 8), 0x548: (0x6f0, 8), 0x550: (0x12_3000, 8), 0x558: (0x8005_0033, 8),
    0x570: (0x246, 8), 0x578: (0xffff_ffff_8100_0000, 8), 0x5d8: (0xffff_ffff_8240_3eb8, 8), 0x5f8: (77, 8),
    0x620: (0x7f00_0000_1000, 8),
  ]

  var vmcb: VMCB {
    get throws {
      var bytes = [UInt8](repeating: 0, count: 4096)
      for (offset, word) in words {
        for index in 0..<word.size {
          bytes[offset + index] = UInt8(truncatingIfNeeded: word.value >> UInt64(8 * index))
        }
      }
      return VMCB(address: HPA(rawValue: 0x5000), page: try #require(Page(bytes)))
    }
  }

  func with(_ offset: Int, _ value: UInt64, size: Int = 8) -> Self {
    var copy = self
    copy.words[offset] = (value, size)
    return copy
  }

  /// - Parameter attributes: 11:8 are AVL, L, D/B, G.
  func segment(_ offset: Int, _ selector: UInt64, _ attributes: UInt64, _ limit: UInt64, _ base: UInt64 = 0) -> Self {
    with(offset, selector | attributes << 16 | limit << 32).with(offset + 8, base)
  }
}

@Suite struct VMCBTests {
  @Test func aRunningGuestsIsTaken() throws {
    let vmcb = try WrittenVMCB().vmcb
    try vmcb.check()
    let state = try #require(vmcb.registerState(isInUse: true))
    #expect(state.registers[.rax] == Sourced(77, .vmcb))
    #expect(state[.rip] == 0xffff_ffff_8100_0000)
    #expect(state[.kernel_gs_base] == 0x7f00_0000_1000)
    #expect(state.registers[.efer] == Sourced(0xd01, .derived))
    #expect(state[.rcx] == nil)
  }

  private static let broken: [(Int, UInt64, VMCBRule)] = [
    (0x10, 2, .vmrunIntercept), (0x58, 0, .asid), (0x58, 0x1_0000, .asid), (0x90, 0x101, .nestedControl),
    (0x90, 0, .nestedPaging), (0xb0, 0, .nestedCR3), (0xb0, 0x30_0020, .nestedCR3),
    (0xb0, 0x10_0000_0000_1000, .nestedCR3), (0x40, 0, .permissionMaps), (0x48, 0x20_0008, .permissionMaps),
    (0x4d0, 0xd01, .efer), (0x4d0, 0x4000_1d01, .efer), (0x558, 0x1_0000_0010, .cr0), (0x558, 0x8000_0001, .cr0),
    (0x570, 0, .rflags), (0x570, 0x2a, .rflags), (0x548, 0x6d0, .longMode),
  ]

  @Test(arguments: broken)
  func eachRuleIsHeld(_ offset: Int, _ value: UInt64, _ rule: VMCBRule) throws {
    let size = offset == 0x10 || offset == 0x58 ? 4 : 8
    let vmcb = try WrittenVMCB().with(offset, value, size: size).vmcb
    #expect(throws: VMCBFault(rule: rule, value: value)) { try vmcb.check() }
  }

  /// KVM gives ASID and nested CR3 before the first run.
  @Test func oneThatNeverRanIsTaken() throws {
    let vmcb = try WrittenVMCB().with(0x58, 0, size: 4).with(0xb0, 0).with(0x70, 0).vmcb
    try vmcb.check()
    #expect(vmcb.hasNeverRun)
    #expect(try !WrittenVMCB().vmcb.hasNeverRun)
  }

  @Test func aPageThatIsNotOneIsNone() throws {
    let zero = VMCB(address: HPA(rawValue: 0), page: .zero)
    #expect(throws: VMCBFault(rule: .vmrunIntercept, value: 0)) { try zero.check() }
  }

  /// Attributes as the processor keeps them, rights as the SDM has them.
  private static let rights: [(SegmentRegister, Int, UInt64, UInt64, UInt32)] = [
    // A code segment of 64 bits, data, none, the task register not marked busy, an LDT.
    (.cs, 0x410, 0x29b, 0xffff_ffff, 0xa09b), (.ds, 0x430, 0xc92, 0xffff_ffff, 0xc093),
    (.es, 0x400, 0, 0, 0x1_0000), (.tr, 0x490, 0x089, 0x67, 0x8b), (.ldtr, 0x470, 0x082, 0, 0x82),
    // G is what the limit says; D/B of an unusable SS is left over.
    (.cs, 0x410, 0xa9b, 0xffff, 0x209b), (.ss, 0x420, 0x400, 0, 0x1_0000),
  ]

  @Test(arguments: rights)
  func segmentsHaveTheRightsThatKVMHandsOut(
    _ register: SegmentRegister, _ offset: Int, _ attributes: UInt64, _ limit: UInt64, _ rights: UInt32
  ) throws {
    let segment = try WrittenVMCB().segment(offset, 0x10, attributes, limit, 0x7000).vmcb.segment(register)
    #expect(segment == Segment(selector: 0x10, base: 0x7000, limit: UInt32(limit), accessRights: rights))
  }

  @Test func theStackSegmentsPrivilegeIsTheProcessors() throws {
    let vmcb = try WrittenVMCB().segment(0x420, 0x2b, 0xc93, 0xffff_ffff).with(0x4cb, 3, size: 1).vmcb
    #expect(vmcb.segment(.ss).accessRights == 0xc0f3)
  }

  @Test func anEncryptedGuestShowsNoRegisters() throws {
    #expect(try WrittenVMCB().vmcb.encryption == nil)
    let sev = try WrittenVMCB().with(0x90, 3).vmcb
    #expect(sev.encryption == .memory)
    #expect(sev.registerState(isInUse: true) != nil)
    // The save area of SEV-ES is left over.
    let es = try WrittenVMCB().with(0x90, 7).with(0x4d0, 0).vmcb
    try es.check()
    #expect(es.encryption == .stateToo)
    #expect(es.registerState(isInUse: true) == nil)
  }

  @Test func whileTheGuestsOwnGuestRunsItsVMLOADRegistersAreThere() throws {
    let vmcb = try WrittenVMCB().segment(0x440, 0, 0, 0, 0x7000).vmcb
    let own = try #require(vmcb.registerState(isInUse: true))
    let nested = try #require(vmcb.registerState(isInUse: false))
    #expect(own.segments[.fs]?.value.base == 0x7000)
    let lost: Set<String> = [
      "star", "lstar", "cstar", "fmask", "kernel_gs_base", "sysenter_cs", "sysenter_esp", "sysenter_eip", "fs", "gs",
      "ldtr", "tr",
    ]
    #expect(Set(nested.unknown).subtracting(own.unknown) == lost)
    #expect(nested.reasons["lstar"] == "the VMCB has that of the guest's own guest")
    #expect(nested[.rip] == own[.rip])
  }

  @Test(arguments: [
    (UInt64(0x78), "HLT"), (0x400, "NPF"), (0x10, "WRITE_CR0"), (0x4e, "EXCP_BASE + 14"), (0xffff, "exit code 0xffff"),
    (.max, "invalid state"),
  ])
  func exitsHaveLinuxsNames(_ code: UInt64, _ name: String) {
    #expect("\(SVMExit(rawValue: code))" == name)
  }
}

@testable import StreamCore
import Testing

@Suite struct RegionJudgementTests {
  private static let forms = ["bochs-2.7", "intel-haswell", "intel-skylake", "intel-nehalem", "kvm-vmcs12"]

  private func layout(_ id: String) throws -> Layout { try #require(LayoutCatalogue.layout(id: id)) }

  private func judge(_ page: PageBuilder, memory: VMXMemory? = nil) -> RegionJudgement {
    RegionJudge(layout: page.layout, memory: memory).judge(page.page, at: HPA(rawValue: 0x1000))
  }

  @Test(arguments: forms) func aLinuxGuestIsAccepted(_ id: String) throws {
    #expect(judge(PageBuilder.guest(try layout(id))) == .guest)
  }

  @Test(arguments: forms) func aVCPUThatNeverRanIsAccepted(_ id: String) throws {
    #expect(judge(PageBuilder.neverRun(try layout(id))) == .guest)
  }

  @Test func aHeaderAloneIsNoGuest() throws {
    var page = PageBuilder(try layout("bochs-2.7"))
    #expect(judge(page) == .headerOnly)
    page.bytes[4095] = 1
    #expect(judge(page) == .rejected(RegionFault(.linkPointer, .VMCS_LINK_POINTER, 0)))
  }

  @Test func bit31IsAShadow() throws {
    var page = PageBuilder.guest(try layout("bochs-2.7"))
    page.bytes[3] = 0x80
    #expect(judge(page) == .shadow)
  }

  @Test func anotherRevisionIsRejected() throws {
    var page = PageBuilder.guest(try layout("bochs-2.7"))
    page.bytes[0] = 0x2c
    #expect(judge(page) == .rejected(RegionFault(.revision, nil, 0x2c)))
  }

  @Test func anAbortedRegionIsAccepted() throws {
    var page = PageBuilder.guest(try layout("bochs-2.7"))
    page.bytes[4] = 2
    #expect(judge(page) == .guest)
  }

  @Test func aLayoutWithoutEPTAcceptsNoGuest() throws {
    let page = PageBuilder.guest(try layout("intel-penryn"))
    #expect(judge(page) == .rejected(RegionFault(.eptDisabled, .EPT_POINTER, 0)))
  }

  @Test(arguments: [
    (RegionRule.linkPointer, VMCSField.VMCS_LINK_POINTER, UInt64(0x5000)), (.linkPointer, .VMCS_LINK_POINTER, 0x5001),
    (.controls, .PIN_BASED_VM_EXEC_CONTROL, 0x1_007f), (.controls, .PIN_BASED_VM_EXEC_CONTROL, 0x7d),
    (.controls, .CPU_BASED_VM_EXEC_CONTROL, 0xb1a0_6dfa), (.controls, .VM_EXIT_CONTROLS, 0xb_edff),
    (.controls, .VM_ENTRY_CONTROLS, 0x57ff), (.eptPointer, .EPT_POINTER, 0x4005d), (.eptPointer, .EPT_POINTER, 0),
    (.rflags, .GUEST_RFLAGS, 0x244), (.rflags, .GUEST_RFLAGS, 0x24e), (.rflags, .GUEST_RFLAGS, 0x1_0000_0246),
    (.cr0, .GUEST_CR0, 0x1_8005_0033), (.cr0, .GUEST_CR0, 0x8005_0013), (.cr0, .GUEST_CR0, 0x8005_0032),
    (.cr4, .GUEST_CR4, 0x17_06b0), (.cr4, .GUEST_CR4, 0x8017_26b0), (.longMode, .GUEST_CR0, 0x5_0033),
    (.longMode, .GUEST_CR4, 0x17_2690), (.canonical, .GUEST_RIP, 0x8000_0000_0000),
    (.canonical, .GUEST_TR_BASE, 0x1234_0000_0000_0000), (.canonical, .GUEST_GS_BASE, 0x8000_0000_0000),
    (.descriptorTable, .GUEST_GDTR_LIMIT, 0x1_0000), (.descriptorTable, .GUEST_IDTR_LIMIT, 0xffff_ffff),
    (.segmentBase, .GUEST_CS_BASE, 1 << 32), (.segmentBase, .GUEST_SS_BASE, 1 << 40),
    (.taskRegister, .GUEST_TR_AR_BYTES, 0x89), (.taskRegister, .GUEST_TR_AR_BYTES, 0x1_008b),
    (.codeSegment, .GUEST_CS_AR_BYTES, 0xa091), (.codeSegment, .GUEST_CS_AR_BYTES, 0xe09b),
    (.codeSegment, .GUEST_CS_AR_BYTES, 0xa01b), (.stackSegment, .GUEST_SS_AR_BYTES, 0xc09b),
    (.stackSegment, .GUEST_SS_AR_BYTES, 0xc0f3), (.limit, .GUEST_SS_LIMIT, 0xffff_fffe),
    (.limit, .GUEST_TR_LIMIT, 0x10_0067), (.activity, .GUEST_ACTIVITY_STATE, 4),
    (.interruptibility, .GUEST_INTERRUPTIBILITY_INFO, 0x20), (.dr7, .GUEST_DR7, 0x1_0000_0400),
    (.pat, .GUEST_IA32_PAT, 0x0007_0406_0002_0406),
  ])
  func oneBrokenRuleRejectsByName(_ rule: RegionRule, _ field: VMCSField, _ value: UInt64) throws {
    for id in Self.forms {
      var page = PageBuilder.guest(try layout(id))
      page[field] = value
      guard page.layout[field] != nil else { continue }
      let expected = field.name.hasSuffix("_AR_BYTES") ? page.region.accessRights(of: register(field)) : nil
      #expect(judge(page) == .rejected(RegionFault(rule, field, expected.map(UInt64.init) ?? value)))
    }
  }

  private func register(_ field: VMCSField) -> SegmentRegister {
    SegmentRegister.allCases.first { "GUEST_\($0.rawValue.uppercased())_AR_BYTES" == field.name } ?? .cs
  }

  @Test func aFaultReadsAsASentence() {
    #expect(RegionFault(.rflags, .GUEST_RFLAGS, 0x44).description == "rule RFLAGS: GUEST_RFLAGS is 0x44")
    #expect(RegionFault(.revision, nil, 0x44).description == "rule revision: header is 0x44")
    #expect(RegionFault(.layout, .EPT_POINTER, 0).description == "rule layout: it has no place for EPT_POINTER")
  }

  @Test func eptOffIsNamedSo() throws {
    var page = PageBuilder.guest(try layout("bochs-2.7"))
    page[.SECONDARY_VM_EXEC_CONTROL] = 0x34f8
    page[.EPT_POINTER] = 0
    #expect(judge(page) == .rejected(RegionFault(.eptDisabled, .EPT_POINTER, 0)))
  }

  @Test func aVCPUWithoutEPTPointerMustLookReset() throws {
    for (field, value) in [(VMCSField.GUEST_CR3, UInt64(0x1000)), (.GUEST_RIP, 0x7c00)] {
      var page = PageBuilder.neverRun(try layout("bochs-2.7"))
      page[field] = value
      #expect(judge(page) == .rejected(RegionFault(.eptPointer, .EPT_POINTER, 0)))
    }
  }

  @Test func longModeOnA57BitProcessorHasWiderAddresses() throws {
    var page = PageBuilder.guest(try layout("bochs-2.7"))
    page[.GUEST_RIP] = 0xff12_3456_8100_1234
    #expect(judge(page) == .rejected(RegionFault(.canonical, .GUEST_RIP, 0xff12_3456_8100_1234)))
    page[.HOST_CR4] = 0x17_36b0
    #expect(judge(page) == .guest)
  }

  @Test func virtual8086ModeFixesTheSegments() throws {
    var page = PageBuilder.guest(try layout("bochs-2.7"))
    page[.VM_ENTRY_CONTROLS] = 0x51ff
    page[.GUEST_RIP] = 0x100
    page[.GUEST_RFLAGS] = 0x2_0202
    for name in ["ES", "CS", "SS", "DS", "FS", "GS"] {
      for (suffix, value) in [("SELECTOR", UInt64(0x1234)), ("BASE", 0x1_2340), ("LIMIT", 0xffff), ("AR_BYTES", 0xf3)] {
        page[try #require(VMCSField(name: "GUEST_\(name)_\(suffix)"))] = value
      }
    }
    #expect(judge(page) == .guest)
    page[.GUEST_GS_BASE] = 0x1_2350
    #expect(judge(page) == .rejected(RegionFault(.virtual8086, .GUEST_GS_AR_BYTES, 0xf3)))
  }

  @Test func anEmulatedRealModeGuestMayHaveAnySegments() throws {
    var page = PageBuilder.neverRun(try layout("bochs-2.7"))
    page[.EPT_POINTER] = 0x4005e
    page[.SECONDARY_VM_EXEC_CONTROL] = 0x347a
    page[.GUEST_CR0] = 0x8000_0031
    page[.GUEST_CS_AR_BYTES] = 0x93
    #expect(judge(page) == .guest)
    page[.GUEST_CR0] = 0x6000_0030
    #expect(judge(page) == .rejected(RegionFault(.cr0, .GUEST_CR0, 0x6000_0030)))
  }

  @Test func aLinkPointerNamesAShadowVMCS() throws {
    var page = PageBuilder.guest(try layout("bochs-2.7"))
    page[.SECONDARY_VM_EXEC_CONTROL] = 0x74fa
    page[.VMCS_LINK_POINTER] = 0x9000
    var memory = VMXMemory()
    memory[9, 0] = 0x8000_002b
    #expect(judge(page, memory: memory) == .guest)
    memory[9, 0] = 0x2b
    #expect(judge(page, memory: memory) == .rejected(RegionFault(.linkPointer, .VMCS_LINK_POINTER, 0x9000)))
  }

  @Test func theRootPageMustBeAnEPTTable() throws {
    let page = PageBuilder.guest(try layout("bochs-2.7"))
    var memory = VMXMemory()
    #expect(judge(page, memory: memory) == .guest)
    memory.table(0x40)
    #expect(judge(page, memory: memory) == .guest)
    memory[0x40, 0] = 0x4_1907
    #expect(judge(page, memory: memory) == .guest)
    memory[0x40, 17] = 0x6c6c_6568
    #expect(judge(page, memory: memory) == .guest)
    memory[0x40, 18] = 0x6c6c_656d
    #expect(judge(page, memory: memory) == .rejected(RegionFault(.eptRoot, .EPT_POINTER, 0x4005e)))
  }
}

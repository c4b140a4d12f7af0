@testable import StreamCore
import Testing

@Suite struct RegionRegistersTests {
  private func guest() throws -> PageBuilder {
    PageBuilder.guest(try #require(LayoutCatalogue.layout(id: "bochs-2.7")))
  }

  @Test(arguments: ["bochs-2.7", "intel-haswell", "kvm-vmcs12"])
  func aLinuxGuestShowsItsRegisters(_ id: String) throws {
    let region = PageBuilder.guest(try #require(LayoutCatalogue.layout(id: id))).region
    let state = region.registerState(hostLoadsEFER: VMCSRegion.hostLoadsEFER([region]))
    let expected: [Register: Sourced<UInt64>] = [
      .cr0: Sourced(0x8005_0033, .derived), .cr4: Sourced(0x17_06b0, .derived), .cr3: Sourced(0x2_3000, .vmcs),
      .rip: Sourced(0xffff_ffff_8100_1234, .vmcs), .rsp: Sourced(0xffff_c900_0000_3f00, .vmcs),
      .rflags: Sourced(0x246, .vmcs), .dr7: Sourced(0x400, .vmcs), .pat: Sourced(0x0007_0406_0007_0406, .vmcs),
      .efer: Sourced(0xd01, .derived), .sysenter_cs: Sourced(0x10, .vmcs),
      .sysenter_esp: Sourced(0xffff_fe00_0000_3000, .vmcs), .sysenter_eip: Sourced(0xffff_ffff_8180_1000, .vmcs),
    ]
    #expect(state.registers == expected)
    #expect(Set(state.segments.keys) == Set(SegmentRegister.allCases))
    #expect(
      state.segments[.cs]
        == Sourced(Segment(selector: 0x10, base: 0, limit: 0xffff_ffff, accessRights: 0xa09b), .vmcs))
    #expect(
      state.segments[.tr]
        == Sourced(
          Segment(selector: 0x40, base: 0xffff_fe00_0000_3000, limit: 0x206f, accessRights: 0x8b), .vmcs))
    #expect(state.gdtr == Sourced(DescriptorTable(base: 0xffff_fe00_0000_1000, limit: 0x7f), .vmcs))
    #expect(state.idtr == Sourced(DescriptorTable(base: 0xffff_fe00_0000_0000, limit: 0xfff), .vmcs))
  }

  @Test func controlRegistersMixFieldAndShadowByTheMask() throws {
    var page = try guest()
    page[.CR0_GUEST_HOST_MASK] = ~8
    page[.GUEST_CR0] = 0x8000_003b
    page[.CR0_READ_SHADOW] = 0x6000_0010
    page[.CR4_GUEST_HOST_MASK] = .max
    page[.CR4_READ_SHADOW] = 0x6b0
    let state = page.region.registerState(hostLoadsEFER: true)
    #expect(state[.cr0] == 0x6000_0018)
    #expect(state[.cr4] == 0x6b0)
  }

  @Test func eferIsTheFieldWhenTheControlLoadsIt() throws {
    var page = try guest()
    page[.VM_ENTRY_CONTROLS] = 0xd3ff
    page[.GUEST_IA32_EFER] = 0x501
    #expect(page.region.registerState(hostLoadsEFER: true).registers[.efer] == Sourced(0x501, .vmcs))
  }

  @Test func eferIsUnknownOnAProcessorThatCannotLoadIt() throws {
    var page = try guest()
    page[.HOST_IA32_EFER] = 0
    #expect(!VMCSRegion.hostLoadsEFER([page.region]))
    #expect(page.region.registerState(hostLoadsEFER: false).registers[.efer] == nil)
    page[.VM_ENTRY_CONTROLS] = 0xd3ff
    #expect(VMCSRegion.hostLoadsEFER([page.region]))
  }

  @Test func longModeActiveFollowsTheEntryControl() throws {
    var page = try guest()
    page[.VM_ENTRY_CONTROLS] = 0x51ff
    #expect(page.region.registerState(hostLoadsEFER: true).registers[.efer] == Sourced(0x801, .derived))
    page[.VM_ENTRY_CONTROLS] = 0x53ff
    page[.HOST_IA32_EFER] = 0x801
    #expect(page.region.registerState(hostLoadsEFER: true).registers[.efer] == Sourced(0xd01, .derived))
  }

  @Test func patIsUnknownWithoutItsControl() throws {
    var page = try guest()
    page[.VM_ENTRY_CONTROLS] = 0x13ff
    #expect(page.region.registerState(hostLoadsEFER: true).registers[.pat] == nil)
  }

  @Test func cr3IsUnknownWhereKVMRunsTheGuestOnItsOwn() throws {
    // Shadow paging.
    var page = try guest()
    page[.SECONDARY_VM_EXEC_CONTROL] = 0x34f8
    #expect(page.region.registerState(hostLoadsEFER: true)[.cr3] == nil)
    // No unrestricted guest: with paging the guest's own, without it KVM's identity map.
    page = try guest()
    page[.SECONDARY_VM_EXEC_CONTROL] = 0x347a
    #expect(page.region.registerState(hostLoadsEFER: true)[.cr3] == page[.GUEST_CR3])
    page[.CR0_READ_SHADOW] = 0x11
    #expect(page.region.registerState(hostLoadsEFER: true)[.cr3] == nil)
  }

  @Test func aLayoutThatCannotTellWhoseCR3ItIsSaysNeither() throws {
    let whole = try #require(LayoutCatalogue.layout(id: "bochs-2.7"))
    let places = Dictionary(uniqueKeysWithValues: whole.fields.compactMap { field in whole[field].map { (field, $0) } })
    func held(
      without missing: Set<VMCSField>, _ change: (inout PageBuilder) -> Void = { _ in }
    ) throws -> Bool? {
      var page = PageBuilder.guest(
        try Layout(
          id: "cut", processor: "cut", revisionIDs: whole.revisionIDs, accessRights: whole.accessRights,
          places: places.filter { !missing.contains($0.key) }))
      change(&page)
      return page.region.holdsGuestCR3
    }
    #expect(try held(without: []) == true)
    // With unrestricted guest it is the guest's, whether CR0 is known or not.
    #expect(try held(without: [.CR0_READ_SHADOW]) == true)
    #expect(try held(without: [.CR0_READ_SHADOW]) { $0[.SECONDARY_VM_EXEC_CONTROL] = 0x347a } == nil)
    #expect(try held(without: [.CR0_GUEST_HOST_MASK, .SECONDARY_VM_EXEC_CONTROL]) == nil)
    // Paging on settles it without the secondary controls, paging off does not.
    #expect(try held(without: [.SECONDARY_VM_EXEC_CONTROL]) == true)
    #expect(try held(without: [.SECONDARY_VM_EXEC_CONTROL]) { $0[.CR0_READ_SHADOW] = 0x11 } == nil)
    #expect(try held(without: []) { $0[.SECONDARY_VM_EXEC_CONTROL] = 0x34f8 } == false)
  }

  @Test func exitsOnCR3LoadsSayNothingOfWhoseCR3ItIs() throws {
    var page = try guest()
    page[.CPU_BASED_VM_EXEC_CONTROL] = 0xb5a0_edfa
    #expect(page.region.registerState(hostLoadsEFER: true)[.cr3] == page[.GUEST_CR3])
  }

  @Test func emulatedRealModeHidesSegmentsFlagsAndCR3() throws {
    var page = try guest()
    page[.SECONDARY_VM_EXEC_CONTROL] = 0x347a
    page[.CR0_READ_SHADOW] = 0x6000_0010
    let state = page.region.registerState(hostLoadsEFER: true)
    #expect(state.segments.isEmpty)
    #expect(state[.rflags] == nil)
    #expect(state[.cr3] == nil)
    #expect(state[.rip] != nil)
  }

  @Test func whatTheLayoutLacksIsUnknown() throws {
    let layout = try #require(LayoutCatalogue.layout(id: "vmware-nested"))
    let state = PageBuilder.guest(layout).region.registerState(hostLoadsEFER: true)
    #expect(state.registers == [.rip: Sourced(0xffff_ffff_8100_1234, .vmcs)])
    #expect(state.unknown.count == Register.allCases.count - 1 + 8 + 3)
  }
}

@Suite struct ExitReasonTests {
  @Test(arguments: [
    (UInt32(0xc), "HLT"), (0, "EXCEPTION_NMI"), (0x30, "EPT_VIOLATION"), (70, "reason 70"),
    (0x8000_0021, "INVALID_STATE (entry failed)"),
  ])
  func reasonsHaveLinuxNames(_ value: UInt32, _ text: String) {
    let reason = ExitReason(rawValue: value)
    #expect(reason.description == text)
    #expect(reason.number == UInt16(value & 0xffff))
    #expect(reason.isEntryFailure == (value >> 31 == 1))
  }

  @Test func theRegionNamesItsExit() throws {
    let page = PageBuilder.guest(try #require(LayoutCatalogue.layout(id: "bochs-2.7")))
    #expect(page.region.exitReason?.name == "HLT")
    let bare = PageBuilder.guest(try #require(LayoutCatalogue.layout(id: "vmware-nested")))
    #expect(bare.region.exitReason == nil)
  }
}

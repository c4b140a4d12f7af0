@testable import StreamCore
import Testing

/// Values of the access-rights forms: the examples of layouts.json.
@Suite struct AccessRightsFormTests {
  @Test(arguments: [
    (AccessRightsForm.rotated, UInt64(0x00a0_9b00), UInt32(0xa09b)), (.rotated, 0x0100_0000, 0x1_0000),
    (.packed16, 0xa09b, 0xa09b), (.packed16, 0x0800, 0x1_0000), (.sdm32, 0x1_0093, 0x1_0093),
  ])
  func storedValuesAreRead(_ form: AccessRightsForm, _ stored: UInt64, _ sdm: UInt32) {
    #expect(form.sdm(stored) == sdm)
    #expect(form.stored(sdm).map(UInt64.init) == stored)
  }

  @Test func anUnknownFormTellsNothing() {
    #expect(AccessRightsForm.unknown.sdm(0xa09b) == nil)
    #expect(AccessRightsForm.unknown.stored(0xa09b) == nil)
  }

  @Test func everyFormKeepsEveryDefinedBit() {
    let defined: UInt32 = 0x1_f0ff
    for form in AccessRightsForm.allCases where form != .unknown {
      for bit in 0..<17 where defined >> bit & 1 == 1 {
        let rights = UInt32(1) << UInt32(bit)
        #expect(form.stored(rights).flatMap { form.sdm(UInt64($0)) } == rights)
      }
    }
  }
}

@Suite struct VMCSRegionTests {
  @Test(arguments: LayoutCatalogue.all.map(\.id))
  func everyFieldIsReadFromItsPlace(_ id: String) throws {
    let layout = try #require(LayoutCatalogue.layout(id: id))
    var page = PageBuilder(layout)
    var expected: [VMCSField: UInt64] = [:]
    for (number, field) in layout.fields.enumerated() {
      let width = try #require(layout[field]).width
      let value = 0x9e37_79b9_7f4a_7c15 &* UInt64(number + 1) >> UInt64(64 - 8 * width)
      page.putStored(value, field)
      expected[field] = value
    }
    let region = page.region
    for field in VMCSField.allCases { #expect(region[field] == expected[field]) }
  }

  @Test(arguments: ["intel-haswell", "bochs-2.7", "kvm-vmcs12"])
  func accessRightsComeInTheFormOfTheSDM(_ id: String) throws {
    var page = PageBuilder(try #require(LayoutCatalogue.layout(id: id)))
    page[.GUEST_CS_AR_BYTES] = 0xa09b
    page[.GUEST_DS_AR_BYTES] = 0x1_0000
    #expect(page.region.accessRights(of: .cs) == 0xa09b)
    #expect(page.region.accessRights(of: .ds) == 0x1_0000)
    #expect(page.region.segment(.ds)?.isUnusable == true)
  }

  @Test func anUnknownFormGivesNoSegment() throws {
    let layout = try Layout(
      id: "x", processor: "x", revisionIDs: [1], accessRights: .unknown,
      places: [
        .GUEST_CS_SELECTOR: .init(offset: 8, width: 2), .GUEST_CS_BASE: .init(offset: 16, width: 8),
        .GUEST_CS_LIMIT: .init(offset: 24, width: 4), .GUEST_CS_AR_BYTES: .init(offset: 28, width: 4),
      ])
    let region = PageBuilder(layout).region
    #expect(region[.GUEST_CS_AR_BYTES] == 0)
    #expect(region.accessRights(of: .cs) == nil)
    #expect(region.segment(.cs) == nil)
  }

  @Test func theHeaderIsSplit() throws {
    var page = PageBuilder(try #require(LayoutCatalogue.layout(id: "bochs-2.7")))
    page.bytes.store(UInt32(0x8000_002b), at: 0)
    page.bytes.store(UInt32(3), at: 4)
    #expect(page.region.revisionID == 0x2b)
    #expect(page.region.isShadow)
    #expect(page.region.abortIndicator == 3)
  }
}

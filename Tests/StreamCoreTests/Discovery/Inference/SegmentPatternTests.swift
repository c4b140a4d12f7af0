import Testing

@testable import StreamCore

/// Segment registers by their pattern: two VMs whose vCPUs KVM knows, and a third that ran.
struct SegmentPatternTests {
  /// Regions of Bochs 2.7, whose segments are arrays.
  /// - Parameter change: of the third region.
  private static func regions(_ change: (inout PageBuilder) -> Void) throws -> [RegionClues] {
    let layout = try Layout(parsing: LayoutCatalogue.Entry.bochs27.text)
    return (0..<3).map { index in
      var page = PageBuilder.guest(layout)
      page[.GUEST_TR_BASE] = 0xffff_fe00_0000_3000 + UInt64(index) * 0x3b000
      page[.GUEST_GS_BASE] = 0xffff_9e80_0001_0000 + UInt64(index) << 20
      if index == 2 { change(&page) }
      var clues = RegionClues(
        address: HPA(frame: UInt64(index + 1)), page: page.page, vm: VirtualAddress(rawValue: UInt64(index)))
      guard index < 2 else { return clues }
      for register in SegmentRegister.allCases {
        for part in SegmentPart.allCases where part != .rights {
          clues.known[part.field(register)] = KnownValue(
            values: [page.region[part.field(register)] ?? 0], source: "a copy")
        }
        clues.known[register.fields.accessRights] = KnownValue(
          values: [UInt64(page.region.accessRights(of: register) ?? 0)], source: "a copy")
      }
      return clues
    }
  }

  @Test func arraysTellWhatAVCPUThatRanHas() throws {
    let inference = LayoutInference(
      try Self.regions { page in
        page[.GUEST_CS_SELECTOR] = 0x33
        page[.GUEST_CS_AR_BYTES] = 0xa0fb
        page[.GUEST_SS_SELECTOR] = 0x2b
        page[.GUEST_SS_AR_BYTES] = 0xc0f3
      })
    #expect(inference.form == .rotated)
    let values = try #require(inference.values[HPA(frame: 3)])
    #expect(values[.GUEST_CS_SELECTOR] == 0x33 && values[.GUEST_CS_AR_BYTES] == 0xa0fb)
    #expect(values[.GUEST_SS_SELECTOR] == 0x2b && values[.GUEST_SS_AR_BYTES] == 0xc0f3)
    #expect(values[.GUEST_TR_BASE] == 0xffff_fe00_0007_9000)
    let place = try Layout(parsing: LayoutCatalogue.Entry.bochs27.text)[.GUEST_CS_SELECTOR]
    #expect(inference.layout(id: "x", processor: "x")?[.GUEST_CS_SELECTOR] == place)
  }

  /// The host's own selectors look the same while all guests are in their kernels.
  @Test func selectorsThatAHostHasTooTellNothing() throws {
    let inference = LayoutInference(try Self.regions { _ in })
    #expect(inference.values[HPA(frame: 3)]?[.GUEST_CS_SELECTOR] == nil)
    #expect(inference.values[HPA(frame: 3)]?[.GUEST_CS_AR_BYTES] == 0xa09b)
    #expect(inference.layout(id: "x", processor: "x")?[.GUEST_CS_SELECTOR] == nil)
  }

  /// Null registers that nothing tells apart: what all their places hold is each one's, else it is open.
  @Test func nullRegistersAgreeOrStayOpen() throws {
    let same = LayoutInference(try Self.regions { $0[.GUEST_CS_SELECTOR] = 0x33 })
    #expect(same.values[HPA(frame: 3)]?[.GUEST_ES_SELECTOR] == 0)
    let other = LayoutInference(
      try Self.regions {
        $0[.GUEST_CS_SELECTOR] = 0x33
        $0[.GUEST_DS_SELECTOR] = 0x2b
      })
    #expect(other.values[HPA(frame: 3)]?[.GUEST_ES_SELECTOR] == nil)
    #expect(other.values[HPA(frame: 3)]?[.GUEST_DS_SELECTOR] == nil)
  }

  /// A base that is 0 wherever KVM knows it may as well be free memory.
  @Test func aBaseThatNoVoterShowsStaysOpen() throws {
    let inference = LayoutInference(
      try Self.regions {
        $0[.GUEST_CS_SELECTOR] = 0x33
        $0[.GUEST_FS_BASE] = 0x7f12_3456_7000
      })
    #expect(inference.values[HPA(frame: 3)]?[.GUEST_FS_BASE] == nil)
    #expect(inference.values[HPA(frame: 3)]?[.GUEST_GS_BASE] == 0xffff_9e80_0021_0000)
  }

  /// Registers that hold nothing fit everywhere, and so nowhere.
  @Test func emptySegmentsHaveNoPattern() throws {
    let regions = try Self.regions { _ in }.map { region in
      var empty = region
      for field in region.known.keys { empty.known[field] = KnownValue(values: [0], source: "a copy") }
      return empty
    }
    let inference = LayoutInference(regions)
    #expect(inference.form == .unknown)
    #expect(inference.values[HPA(frame: 3)]?[.GUEST_CS_SELECTOR] == nil)
  }

  @Test func eachSlotOfAnArrayHasARegisterOfItsOwn() throws {
    let matching = try #require(SlotMatching([0b1, 0b110, 0b110, 0b1000, 0x10, 0x20, 0x40, 0x80]))
    #expect(matching.slots[0] == [0] && matching.slots[1] == [1, 2] && matching.slots[2] == [1, 2])
    #expect(SlotMatching([0b1, 0b1, 0b110, 0b1000, 0x10, 0x20, 0x40, 0x80]) == nil)
  }
}

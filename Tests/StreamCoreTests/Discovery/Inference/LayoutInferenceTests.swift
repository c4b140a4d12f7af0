import Testing

@testable import StreamCore

/// The rules by which a field's place is settled, each with regions of a few words.
struct LayoutInferenceTests {
  /// A region of one VM: words by place, and what KVM knows.
  private static func region(
    _ number: UInt64, vm: UInt64, _ words: [Int: UInt64], _ known: [VMCSField: UInt64]
  ) -> RegionClues {
    var bytes = [UInt8](repeating: 0, count: 4096)
    bytes.store(UInt32(0x19), at: 0)
    for (offset, word) in words { bytes.store(word, at: offset) }
    var clues = RegionClues(
      address: HPA(frame: number), page: Page(bytes) ?? .zero, vm: VirtualAddress(rawValue: vm))
    clues.known = known.mapValues { KnownValue(values: [$0], source: "a copy") }
    return clues
  }

  private static func outcome(_ field: VMCSField, _ regions: [RegionClues]) -> FieldOutcome? {
    LayoutInference(regions).fields.first { $0.field == field }?.outcome
  }

  private static let stacks: [UInt64] = [0xffff_c900_0012_3f08, 0xffff_c900_0098_7e10]

  @Test func aValueThatDiffersBetweenVMsSettlesItsPlace() {
    let regions = (0..<2).map {
      Self.region(UInt64($0 + 1), vm: UInt64($0), [0x100: Self.stacks[$0]], [.GUEST_RSP: Self.stacks[$0]])
    }
    #expect(Self.outcome(.GUEST_RSP, regions) == .sure(.init(offset: 0x100, width: 8)))
  }

  @Test func oneRegionThatDisagreesRulesAPlaceOut() {
    var regions = (0..<2).map {
      Self.region(UInt64($0 + 1), vm: UInt64($0), [0x100: Self.stacks[$0]], [.GUEST_RSP: Self.stacks[$0]])
    }
    regions.append(Self.region(3, vm: 3, [0x100: 1], [.GUEST_RSP: 0xffff_c900_0044_0000]))
    #expect(Self.outcome(.GUEST_RSP, regions) == .notThere)
  }

  /// The vCPUs of one VM can have agreed on what they hold.
  @Test func guestsOfOneVMSettleNothing() {
    let regions = (0..<2).map {
      Self.region(UInt64($0 + 1), vm: 7, [0x100: Self.stacks[$0]], [.GUEST_RSP: Self.stacks[$0]])
    }
    #expect(Self.outcome(.GUEST_RSP, regions) == .open([0x100]))
    #expect(LayoutInference(regions).layout(id: "x", processor: "x")?.fields.isEmpty == true)
  }

  @Test func aValueThatAllRegionsShareSettlesNothing() {
    let regions = (0..<3).map {
      Self.region(UInt64($0 + 1), vm: UInt64($0), [0x100: Self.stacks[0]], [.GUEST_RSP: Self.stacks[0]])
    }
    #expect(Self.outcome(.GUEST_RSP, regions) == .open([0x100]))
  }

  @Test func aSmallValueNeedsANeighbour() {
    let flags: [UInt64] = [0x246, 0x202]
    func regions(flagsAt place: Int) -> [RegionClues] {
      (0..<2).map {
        Self.region(
          UInt64($0 + 1), vm: UInt64($0), [0x100: Self.stacks[$0], place: flags[$0]],
          [.GUEST_RIP: Self.stacks[$0], .GUEST_RFLAGS: flags[$0]])
      }
    }
    #expect(Self.outcome(.GUEST_RFLAGS, regions(flagsAt: 0x300)) == .open([0x300]))
    #expect(Self.outcome(.GUEST_RFLAGS, regions(flagsAt: 0x108)) == .sure(.init(offset: 0x108, width: 8)))
  }

  /// A vCPU that was not stopped has RFLAGS of that form, too: entry takes no other.
  @Test(arguments: [(0x206, 0, true), (0x206, 1, false), (0x1_0206, 0, true), (0x204, 0, false), (0, 0, false)])
  func flagsOfOtherVCPUsSettleTheirPlace(_ flags: UInt64, vm: UInt64, _ isSure: Bool) {
    var regions = (0..<2).map {
      Self.region(UInt64($0 + 1), vm: vm == 1 ? 7 : UInt64($0), [0x300: 0x246], [.GUEST_RFLAGS: 0x246])
    }
    regions.append(Self.region(3, vm: 3, [0x300: flags], [:]))
    #expect((Self.outcome(.GUEST_RFLAGS, regions) == .sure(.init(offset: 0x300, width: 8))) == isSure)
    #expect(LayoutInference(regions).values[HPA(frame: 3)]?[.GUEST_RFLAGS] == (isSure ? flags : nil))
  }

  /// Copies of a field are as good as the field where they hold the same, and nothing where they do not.
  @Test func copiesAgreeOrLeaveAFieldOpen() {
    func regions(last copy: UInt64) -> [RegionClues] {
      var regions = (0..<2).map {
        Self.region(
          UInt64($0 + 1), vm: UInt64($0), [0x100: Self.stacks[$0], 0x800: Self.stacks[$0]],
          [.GUEST_RSP: Self.stacks[$0]])
      }
      regions.append(Self.region(3, vm: 3, [0x100: 0xffff_c900_0044_0000, 0x800: copy], [:]))
      return regions
    }
    let same = LayoutInference(regions(last: 0xffff_c900_0044_0000))
    #expect(same.values[HPA(frame: 3)]?[.GUEST_RSP] == 0xffff_c900_0044_0000)
    #expect(same.fields.contains { $0.field == .GUEST_RSP && $0.outcome == .agreed([0x100, 0x800]) })
    let other = LayoutInference(regions(last: 0xffff_c900_0055_0000))
    #expect(other.values[HPA(frame: 3)]?[.GUEST_RSP] == nil)
    #expect(other.values[HPA(frame: 1)]?[.GUEST_RSP] == Self.stacks[0])
  }

  /// Where two fields hold the same in all regions, the one place that there is need not be either's.
  @Test func twoFieldsOfOneValueSettleNothing() {
    let regions = (0..<2).map {
      Self.region(
        UInt64($0 + 1), vm: UInt64($0), [0x100: Self.stacks[$0]],
        [.GUEST_RSP: Self.stacks[$0], .HOST_RSP: Self.stacks[$0]])
    }
    #expect(Self.outcome(.GUEST_RSP, regions) == .open([0x100]))
    #expect(Self.outcome(.HOST_RSP, regions) == .open([0x100]))
  }

  @Test func aDirtyInstructionPointerIsAheadByAnInstruction() {
    let regions = (0..<2).map { index in
      var clues = Self.region(UInt64(index + 1), vm: UInt64(index), [0x100: Self.stacks[index] - 1], [:])
      clues.known[.GUEST_RIP] = KnownValue(values: [Self.stacks[index]], slack: 15, source: "a copy")
      return clues
    }
    #expect(Self.outcome(.GUEST_RIP, regions) == .sure(.init(offset: 0x100, width: 8)))
    #expect(LayoutInference(regions).values[HPA(frame: 1)]?[.GUEST_RIP] == Self.stacks[0] - 1)
  }

  /// KVM's copy of CR0's own bits, and the guest's by all places that can be the field; one place alone may be the
  /// host's own CR0.
  @Test(arguments: [([0x100, 0x200, 0x300], true), ([0x300], false)])
  func cr0NeedsAPlaceForEachOfItsFields(_ places: [Int], _ isKnown: Bool) {
    let mask: UInt64 = 0xffff_ffff_fffe_fff7
    let regions = (0..<2).map { index in
      var clues = Self.region(
        UInt64(index + 1), vm: UInt64(index), Dictionary(uniqueKeysWithValues: places.map { ($0, 0x8005_0033) }),
        [.CR0_GUEST_HOST_MASK: mask])
      for field in [VMCSField.GUEST_CR0, .CR0_READ_SHADOW] {
        clues.known[field] = KnownValue(values: [0x8005_0033], mask: mask, source: "a copy")
      }
      return clues
    }
    let value = LayoutInference(regions).values[HPA(frame: 1)]?[.GUEST_CR0]
    #expect(value == (isKnown ? 0x8005_0033 : nil))
  }

  @Test(arguments: [LayoutCatalogue.Entry.intelHaswell, .intelPenryn, .intelNehalem, .bochs27])
  func aLayoutIsReadBackFromEachOfItsForms(_ entry: LayoutCatalogue.Entry) throws {
    let layout = try Layout(parsing: entry.text)
    let table = try #require(layout.vmcsinfo)
    let note = try #require(layout.vmcsinfoNote)
    let told = Set(layout.fields.map(\.name)).subtracting(table.leftOut)
    for bytes in [Array(table.text.utf8), try #require(Note.parse(note).notes.first).descriptor] {
      let read = try VMCSInfo.parse(bytes).layout
      #expect(Set(read.fields.map(\.name)) == told)
      #expect(read.fields.allSatisfy { read[$0] == layout[$0] })
      #expect(read.revisionIDs == layout.revisionIDs && read.accessRights == layout.accessRights)
    }
  }

  @Test func aLayoutIsReadFromItsJSON() throws {
    let json = """
      {"id": "mine", "processor": "One", "revision_ids": ["0x19"], "access_rights": "packed16",
       "field_count": 2, "fields": {"GUEST_RIP": {"offset": 64, "width": 8}, "GUEST_CS_AR_BYTES": {"offset": 80, "width": 2}}}
      """
    let layout = try #require(try Layout(json: Array(json.utf8)))
    #expect(layout.id == "mine" && layout.revisionIDs == [0x19] && layout.accessRights == .packed16)
    #expect(layout[.GUEST_RIP] == .init(offset: 64, width: 8) && layout.fields.count == 2)
    #expect(try Layout(json: Array("id mine\naccess-rights sdm32\n".utf8)) == nil)
    for (good, bad) in [("64", "-1"), ("GUEST_RIP", "GUEST_PIR"), ("\"width\": 8", "\"width\": 3")] {
      #expect(throws: LayoutError.self) { try Layout(json: Array(json.replacing(good, with: bad).utf8)) }
    }
    // A text brings in no line of its own.
    #expect(try Layout(json: Array(json.replacing("mine", with: "a\\nid b").utf8))?.id == "a id b")
  }
}

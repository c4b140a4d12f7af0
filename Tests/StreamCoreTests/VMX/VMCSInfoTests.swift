@testable import StreamCore
import HostModel
import HostRecipes
import Testing

@Suite struct VMCSInfoTests {
  private func parse(_ text: String) throws -> VMCSInfo { try VMCSInfo.parse(Array(text.utf8)) }

  private func offsets(_ info: VMCSInfo) -> [VMCSField: Int] {
    info.layout.fields.reduce(into: [:]) { $0[$1] = info.layout[$1]?.offset }
  }

  private let five: [VMCSField: Int] = [
    .VM_ENTRY_CONTROLS: 136, .GUEST_CS_SELECTOR: 280, .IO_BITMAP_A: 192, .GUEST_CS_AR_BYTES: 300, .GUEST_RIP: 824,
  ]

  // MARK: Worked examples

  @Test func theStartOfARealNoteDecodes() throws {
    let info = try VMCSInfo.parse(Array(VMCSInfoExamples.bytes(VMCSInfoExamples.posted).dropFirst(24)))
    #expect(info.layout.revisionIDs == [0xd])
    #expect(
      offsets(info) == [
        .PIN_BASED_VM_EXEC_CONTROL: 0x40, .CPU_BASED_VM_EXEC_CONTROL: 0x48, .SECONDARY_VM_EXEC_CONTROL: 0x3f0,
        .VM_EXIT_CONTROLS: 0x70, .VM_ENTRY_CONTROLS: 0x88, .GUEST_ES_SELECTOR: 0x100,
      ])
    #expect(info.remarks == ["values of a wrong form, left out: GUEST_CS_SELECTOR"])
  }

  @Test(arguments: [
    (VMCSInfoExamples.smallText, VMCSInfo.Form.text), (VMCSInfoExamples.smallBinary, .binary),
  ])
  func aWholeNoteDecodesFromAFileAndFromItsDescription(dump: String, form: VMCSInfo.Form) throws {
    let note = VMCSInfoExamples.bytes(dump)
    let directory = try RecipeDirectory()
    let size = Int(RecipeReaders.le(note, 4, 4))
    let padded = note + [UInt8](repeating: 0, count: 0x2000 - note.count)
    for info in [
      try VMCSInfo.parse(Array(note[24..<24 + size])), try VMCSInfo.parse(Array(padded[24...])),
      try VMCSInfo(path: directory.write(note, as: "note")), try VMCSInfo(path: directory.write(padded, as: "buffer")),
      try VMCSInfo(path: directory.write(Array(note[24..<24 + size]), as: "description")),
    ] {
      #expect(info.form == form)
      #expect(info.layout.id == "vmcsinfo")
      #expect(info.layout.revisionIDs == [0xd])
      #expect(info.layout.accessRights == .rotated)
      #expect(offsets(info) == five)
      #expect(info.remarks == [])
    }
  }

  @Test func packedAccessRightsDecodeThroughTheirSelector() throws {
    let info = try parse(VMCSInfoExamples.packed)
    #expect(info.layout.accessRights == .packed16)
    #expect(
      offsets(info) == [
        .GUEST_CS_SELECTOR: 48, .GUEST_FS_SELECTOR: 128, .GUEST_CS_AR_BYTES: 50, .GUEST_FS_AR_BYTES: 130,
      ])
    #expect(info.layout[.GUEST_CS_AR_BYTES]?.width == 2)
  }

  @Test func thePenrynTextIsTheCataloguesLayout() throws {
    let text = VMCSInfoExamples.penryn + "\n"
    #expect(text.utf8.count == 4694)
    #expect(Array(text.utf8.prefix(264)) == Array(VMCSInfoExamples.bytes(VMCSInfoExamples.posted)[24..<288]))
    let info = try parse(text)
    let penryn = try #require(LayoutCatalogue.layout(id: "intel-penryn"))
    #expect(info.layout.fields.count == 113)
    for field in info.layout.fields { #expect(info.layout[field] == penryn[field], "\(field.name)") }
    #expect(info.layout.revisionIDs == penryn.revisionIDs)
    #expect(info.layout.accessRights == penryn.accessRights)
    #expect(info.remarks == [])
  }

  @Test(arguments: ["intel-penryn", "intel-nehalem", "intel-sandybridge", "intel-haswell", "intel-skylake"])
  func everyFormGivesTheLayoutBack(id: String) throws {
    let table = VMCSInfoTable(layout: try #require(VMCSLayout.catalogue[id]))
    let layout = try #require(LayoutCatalogue.layout(id: id))
    for info in [
      try VMCSInfo.parse(table.text), try VMCSInfo.parse(table.binary), try VMCSInfo.parse(directory: table.files),
    ] {
      #expect(info.layout.fields == layout.fields, "\(info.form)")
      for field in layout.fields { #expect(info.layout[field] == layout[field], "\(info.form) \(field.name)") }
      #expect(info.layout.accessRights == layout.accessRights, "\(info.form)")
    }
  }

  // MARK: Version 1

  @Test(arguments: [
    ("REVISION_ID=0xd\r\nFIELD(GUEST_RIP)=0d7c0d780d740d70", [VMCSField.GUEST_RIP: 824], []),
    ("FIELD(GUEST_RIP)=0d7c0d780d740d70\nREVISION_ID=d\nREVISION_ID=d\0\0", [.GUEST_RIP: 824], []),
    ("REVISION_ID=d\nOTHER(GUEST_CR3)=1\nFIELD(GUEST_CR3\nFIELD(GUEST_RIP)=0d7c0d780d740d70", [.GUEST_RIP: 824], []),
    // 0: the processor lacks it. A first word of no region: unknown.
    (
      "REVISION_ID=d\nFIELD(GUEST_RIP)=0000000000000000\nFIELD(GUEST_CR3)=0d1c0d180d140d13\nFIELD(PLE_GAP)=01840180",
      [.PLE_GAP: 64], []
    ),
    (
      "REVISION_ID=d\nFIELD(GUEST_RIP)=0d7c0d780d740d74\nFIELD(PLE_GAP)=01840180", [.PLE_GAP: 64],
      ["damaged values, left out: GUEST_RIP"]
    ),
    // Offset 4094 has no room for four bytes, 4 none before the header's end.
    (
      "REVISION_ID=d\nFIELD(TPR_THRESHOLD)=01003ffc\nFIELD(GUEST_CS_SELECTOR)=0108\nFIELD(PLE_GAP)=01840180",
      [.PLE_GAP: 64], ["damaged values, left out: GUEST_CS_SELECTOR, TPR_THRESHOLD"]
    ),
    (
      "REVISION_ID=d\nFIELD(GUEST_RIP)=0d70\nFIELD(GUEST_CR3)=0d1c0d180d140d1g\nFIELD(PLE_GAP)=+1840180\n"
        + "FIELD(GUEST_CR4)=0d2c0d280d240d20", [.GUEST_CR4: 784],
      ["values of a wrong form, left out: GUEST_CR3, GUEST_RIP, PLE_GAP"]
    ),
    (
      "REVISION_ID=d\nFIELD(GUEST_ELSE)=0d70\nFIELD(GUEST_CR4)=0d2c0d280d240d20", [.GUEST_CR4: 784],
      ["names that no VMCS field has, ignored: GUEST_ELSE"]
    ),
    (
      "REVISION_ID=d\nFIELD(PLE_GAP)=01840180\nFIELD(PLE_GAP)=01940190\nFIELD(PLE_GAP)=01840180\n"
        + "FIELD(GUEST_CR4)=0d2c0d280d240d20", [.GUEST_CR4: 784],
      ["two values for one field, left out: PLE_GAP"]
    ),
    // The second overlaps the first by two bytes, the third stands beside both.
    (
      "REVISION_ID=d\nFIELD(PLE_GAP)=01840180\nFIELD(PLE_WINDOW)=01880184\nFIELD(TPR_THRESHOLD)=0190018c",
      [.TPR_THRESHOLD: 70], ["fields in the same bytes, left out: PLE_GAP, PLE_WINDOW"]
    ),
    // Rotated by CS; packed rights of SS do not go with it.
    (
      "REVISION_ID=d\nFIELD(GUEST_SS_SELECTOR)=0160\nFIELD(GUEST_SS_AR_BYTES)=00000064\n"
        + "FIELD(GUEST_CS_AR_BYTES)=58055c05", [.GUEST_SS_SELECTOR: 48, .GUEST_CS_AR_BYTES: 300],
      ["access rights of another form than bochs-rotated, left out: GUEST_SS_AR_BYTES"]
    ),
  ])
  func textRules(text: String, places: [VMCSField: Int], remarks: [String]) throws {
    let info = try parse(text)
    #expect(info.form == .text)
    #expect(offsets(info) == places)
    #expect(info.remarks == remarks)
    #expect(info.layout.revisionIDs == [0xd])
  }

  @Test func accessRightsInTheSDMsFormStandAsTheyAre() throws {
    let info = try parse("REVISION_ID=d\nFIELD(GUEST_CS_AR_BYTES)=055c0558")
    #expect(info.layout.accessRights == .sdm32)
    #expect(info.layout[.GUEST_CS_AR_BYTES] == Layout.Place(offset: 300, width: 4))
  }

  @Test(arguments: [
    ("FIELD(PLE_GAP)=01840180", VMCSInfoError.noRevision),
    ("words", .noRevision),
    ("REVISION_ID=d", .noField),
    ("REVISION_ID=d\nFIELD(PLE_GAP)=00000000", .noField),
    ("REVISION_ID=xyz\nFIELD(PLE_GAP)=01840180", .revision("xyz")),
    ("REVISION_ID=+d\nFIELD(PLE_GAP)=01840180", .revision("+d")),
    ("REVISION_ID=80000000\nFIELD(PLE_GAP)=01840180", .revision("0x80000000")),
    ("REVISION_ID=0\nFIELD(PLE_GAP)=01840180", .revision("0x0")),
    ("REVISION_ID=d\nFIELD(PLE_GAP)=01840180\nREVISION_ID=e", .revisions(0xd, 0xe)),
  ])
  func textsThatAreNone(text: String, error: VMCSInfoError) {
    #expect(throws: error) { try parse(text) }
  }

  @Test func moreThanATableCanTakeIsNotRead() throws {
    #expect(throws: VMCSInfoError.tooLong(bytes: 65537)) { try parse(String(repeating: "x", count: 65537)) }
    let directory = try RecipeDirectory()
    let path = try directory.write([UInt8](repeating: 0x78, count: 1 << 20), as: "long")
    #expect(throws: LayoutInputError.noVMCSInfo(path: path, .tooLong(bytes: 65537))) {
      try VMCSInfo(path: path)
    }
  }

  // MARK: Version 2

  private func set(_ encoding: UInt32, _ value: UInt64) -> [UInt8] {
    RecipeFile.le32(encoding) + RecipeFile.le64(value)
  }
  private let revision = RecipeFile.le32(0xe)

  /// From memory of the version 2 cover letter, on a Xeon E7540 (Documentation/vmcsinfo.md §3).
  @Test func valuesOfANehalemDecode() throws {
    let bytes = revision + set(0x4000, 0x0554_0550) + set(0x4002, 0x0544_0540) + set(0x401e, 0x054c_0548)
    let info = try VMCSInfo.parse(bytes + set(0x400c, 0x057c_0578))
    let nehalem = try #require(LayoutCatalogue.layout(id: "intel-nehalem"))
    #expect(info.layout.fields.count == 4)
    for field in info.layout.fields { #expect(info.layout[field] == nehalem[field]) }
  }

  @Test func paddingHighHalvesAndUnknownFieldsAreNoFault() throws {
    // Encoding 0 is VIRTUAL_PROCESSOR_ID, but 0, 0 is padding; 0x2001 is the upper half of IO_BITMAP_A.
    let sets =
      set(0, 0) + set(0, 0x0190) + set(0x2001, 0x038c_0388) + set(0x2ffe, 0x1) + set(0x681e, 0x0d7c_0d78_0d74_0d70)
    let info = try VMCSInfo.parse(revision + sets + [UInt8](repeating: 0, count: 1001))
    #expect(offsets(info) == [.VIRTUAL_PROCESSOR_ID: 72, .GUEST_RIP: 824])
    #expect(info.remarks == ["encodings that no known VMCS field has, ignored: 0x2ffe"])
  }

  @Test func binariesThatAreNone() {
    let rip = set(0x681e, 0x0d7c_0d78_0d74_0d70)
    let gap = set(0x4020, 0x0184_0180)
    let cases: [([UInt8], VMCSInfoError)] = [
      ([], .length(bytes: 0)),
      ([0xe, 0, 0, 1], .length(bytes: 4)),
      (revision + rip.dropLast(1), .length(bytes: 15)),
      (revision + rip + [1], .length(bytes: 17)),
      ([0, 0, 0, 0x80] + rip, .revision("0x80000000")),
      ([0, 0, 0, 0] + rip, .revision("0x0")),
      (revision + rip + set(0x1_681e, 0x190), .encoding(0x1_681e, offset: 16)),
      (revision + set(0x781e, 0x190), .encoding(0x781e, offset: 4)),
      (revision + rip + gap + set(0x681e, 0x190), .repeated(encoding: 0x681e, offset: 28)),
      (revision + rip + gap + set(0x4022, 0x1_0194_0190), .values(undecoded: 1, of: 3)),
      (revision + rip + gap + set(0x4022, 0), .values(undecoded: 1, of: 3)),
      (revision + set(0x2ffe, 0x190), .noField),
    ]
    for (bytes, error) in cases { #expect(throws: error) { try VMCSInfo.parse(bytes) } }
  }

  @Test func aQuarterOfTheValuesMayNotDecode() throws {
    let good = set(0x681e, 0x0d7c_0d78_0d74_0d70) + set(0x4020, 0x0184_0180) + set(0x4022, 0x0194_0190)
    let info = try VMCSInfo.parse(revision + good + set(0x4024, 0x0184_0190))
    #expect(info.layout.fields.count == 3)
    #expect(info.remarks == ["damaged values, left out: NOTIFY_WINDOW"])
  }

  // MARK: Versions 3 to 5

  private func parse(directory files: KeyValuePairs<String, String>) throws -> VMCSInfo {
    try VMCSInfo.parse(directory: files.map { (name: $0.key, text: $0.value) })
  }

  @Test(arguments: [
    // Decimal unless one file has a letter; 0x says so itself.
    (["id": "18\n", "681e": "824", "6802": " 784 \n"], 18, [VMCSField.GUEST_RIP: 824, .GUEST_CR3: 784]),
    (["id": "d", "681e": "338"], 0xd, [.GUEST_RIP: 824]),
    (["id": "18", "681E": "338", "6802": "31a"], 0x18, [.GUEST_RIP: 824, .GUEST_CR3: 794]),
    (["id": "18", "681e": "0x338", "6802": "784"], 18, [.GUEST_RIP: 824, .GUEST_CR3: 784]),
    // Not there: 0 or empty. Ignored: other names, upper halves.
    (
      ["id": "18", "681e": "824", "6802": "0", "6804": "\n", "uevent": "x", "12345": "7", "2001": "9"], 18,
      [.GUEST_RIP: 824]
    ),
  ])
  func directoryRules(files: [String: String], id: Int, places: [VMCSField: Int]) throws {
    let info = try VMCSInfo.parse(directory: files.map { (name: $0.key, text: $0.value) })
    #expect(info.form == .directory)
    #expect(info.layout.revisionIDs == [UInt32(id)])
    #expect(offsets(info) == places)
    #expect(info.remarks == [])
  }

  @Test(arguments: [
    // In the catalogue: Penryn rotates, Haswell packs.
    ("0xd", "48", "300", AccessRightsForm.rotated), ("0x12", "48", "50", .packed16),
    // Not there: rights behind the selector are packed.
    ("0x7a", "48", "50", .packed16), ("0x7a", "48", "300", .rotated),
  ])
  func theFormOfAccessRightsInADirectory(id: String, selector: String, rights: String, form: AccessRightsForm) throws {
    let info = try parse(directory: ["id": id, "0802": selector, "4816": rights])
    #expect(info.layout.accessRights == form)
    #expect(info.layout[.GUEST_CS_AR_BYTES]?.width == form.width)
  }

  @Test func filesThatHoldNoPlaceAreLeftOutAndNamed() throws {
    let info = try parse(directory: [
      "id": "18", "681e": "824", "6802": "-8", "6804": "4", "6800": "4089", "0800": "1 2", "0802": "830", "6c16": "900",
    ])
    #expect(offsets(info) == [.HOST_RIP: 900])
    #expect(
      info.remarks == [
        "files that hold no number, left out: GUEST_CR3, GUEST_ES_SELECTOR",
        "offsets outside the bytes 8 to 4095, left out: GUEST_CR0, GUEST_CR4",
        "fields in the same bytes, left out: GUEST_CS_SELECTOR, GUEST_RIP",
      ])
  }

  @Test func directoriesThatAreNone() {
    #expect(throws: VMCSInfoError.noRevision) { try parse(directory: ["681e": "824"]) }
    #expect(throws: VMCSInfoError.revision("one")) { try parse(directory: ["id": "one", "681e": "824"]) }
    #expect(throws: VMCSInfoError.revision("0x80000000")) { try parse(directory: ["id": "2147483648", "681e": "824"]) }
    #expect(throws: VMCSInfoError.noField) { try parse(directory: ["id": "18", "681e": "0"]) }
  }

  // MARK: Files

  @Test func aSavedDirectoryIsRead() throws {
    let directory = try RecipeDirectory()
    for (name, text) in VMCSInfoTable(layout: .unheardOf(revision: 0x7a, form: "packed16")).files + [("uevent", "x")] {
      _ = try directory.write(Array(text.utf8), as: name)
    }
    let info = try VMCSInfo(path: directory.path.path)
    #expect(info.layout.accessRights == .packed16)
    #expect(info.layout.fields.count == VMCSLayout.unheardOf(revision: 0x7a, form: "packed16").fields.count)
  }

  @Test func filesThatHoldNoneAreRefusedByName() throws {
    let directory = try RecipeDirectory()
    let path = try directory.write(Array("hello\n".utf8), as: "hello")
    #expect(throws: LayoutInputError.noVMCSInfo(path: path, .noRevision)) { try VMCSInfo(path: path) }
    let empty = directory.path.path
    #expect(throws: LayoutInputError.noVMCSInfo(path: empty, .noRevision)) { try VMCSInfo(path: empty) }
    let missing = empty + "/missing"
    #expect(throws: LayoutInputError.unreadable(SystemError(call: "opendir", path: missing, code: 2))) {
      try VMCSInfo(path: missing)
    }
  }

  // MARK: Hostile input

  @Test func changedBytesNeverTrapAndNeverGiveAPlaceOutside() {
    var random = SplitMix64(seed: 8)
    let tables = [
      VMCSInfoTable(layout: .unheardOf(revision: 0x7a, form: "packed16")),
      VMCSInfoTable(layout: .unheardOf(revision: 0x7a, form: "bochs-rotated")),
    ]
    var parsed = 0
    for round in 0..<2000 {
      let table = tables[round % 2]
      var bytes = round % 4 < 2 ? table.text : table.binary
      for _ in 0...random.below(6) {
        bytes[Int(random.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.below(256))
      }
      if round % 3 == 0 { bytes.removeLast(Int(random.below(UInt64(bytes.count)))) }
      guard let info = try? VMCSInfo.parse(bytes) else { continue }
      parsed += 1
      var end = 8
      for field in info.layout.fields {
        guard let place = info.layout[field] else { continue }
        #expect(place.offset >= end && place.offset + place.width <= 4096)
        end = place.offset + place.width
      }
    }
    #expect(parsed > 100)
  }
}

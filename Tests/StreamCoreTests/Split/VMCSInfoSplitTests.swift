@testable import StreamCore
import HostModel
import HostRecipes
import Testing

/// Whole runs on hosts whose layout only a VMCSINFO tells, and on hosts where one lies.
@Suite struct VMCSInfoSplitTests {
  private static let recipe = """
    host ram 64M cpus 2
    guest a ram 0-4M linux 6.1.0-a
      vcpu halted
      vcpu running
    guest b ram 0-4M backing 4K shuffled nolinux
    """
  private static let host: BuiltHost? = try? HostRecipe(recipe).build()
  /// No processor of the catalogue has this revision id.
  private static let revision: UInt32 = 0x7a

  private func host(_ form: String) throws -> BuiltHost {
    try #require(Self.host).with(.unheardOf(revision: Self.revision, form: form))
  }

  private func table(_ form: String) -> VMCSInfoTable {
    VMCSInfoTable(layout: .unheardOf(revision: Self.revision, form: form))
  }

  private func expectExact(_ run: SplitRun, source: String) throws {
    #expect(run.manifest.layout?.source == source)
    #expect(run.manifest.guests.count == 2)
    for guest in run.host.guests { try run.expectExact(guest) }
  }

  @Test(arguments: ["text", "binary"], ["bochs-rotated", "packed16", "sdm32"])
  func aNoteSplitsAHostThatNoCatalogueKnows(form: String, rights: String) throws {
    let host = try host(rights)
    let description = form == "text" ? table(rights).text : table(rights).binary
    for input in [
      host.kdump(adding: VMCSInfoTable.note(description)), host.elf(adding: VMCSInfoTable.note(description)),
    ] {
      let run = try SplitRun(host, SplitRun.Options(input: { _ in input }))
      try expectExact(run, source: "vmcsinfo")
      #expect(run.manifest.layout?.id == "vmcsinfo")
      #expect(run.manifest.layout?.revisionId?.value == UInt64(Self.revision))
      #expect(!run.manifest.warnings.contains { $0.code == .layout_refused || $0.code == .vmcsinfo })
    }
  }

  @Test(arguments: ["text", "binary", "note", "directory"], ["bochs-rotated", "packed16"])
  func aFileSplitsAHostThatNoCatalogueKnows(form: String, rights: String) throws {
    let table = table(rights)
    let directory = try RecipeDirectory()
    let info: VMCSInfo
    switch form {
    case "text": info = try VMCSInfo(path: directory.write(table.text, as: "vmcsinfo"))
    case "binary": info = try VMCSInfo(path: directory.write(table.binary, as: "vmcsinfo"))
    case "note": info = try VMCSInfo(path: directory.write(VMCSInfoTable.note(table.binary), as: "vmcsinfo"))
    default:
      for (name, text) in table.files { _ = try directory.write(Array(text.utf8), as: name) }
      info = try VMCSInfo(path: directory.path.path)
    }
    let run = try SplitRun(try host(rights), SplitRun.Options(vmcsinfo: info))
    try expectExact(run, source: "vmcsinfo-file")
  }

  @Test func withoutItTheRevisionIsNamedAndRegistersAreUnknown() throws {
    let run = try SplitRun(try host("packed16"))
    #expect(run.manifest.layout == nil && run.manifest.exitStatus == .incomplete)
    #expect(run.manifest.unknownLayout?.revisionIds.map(\.value) == [UInt64(Self.revision)])
    for guest in run.host.guests {
      try run.expectMemory(guest)
      #expect(try run.entry(guest).vcpus.allSatisfy { $0.registers["cs"] == nil && !$0.unknown.isEmpty })
    }
  }

  /// Of the right processor, by its id, and with the fields of a guest's state in each other's places.
  private var lie: [UInt8] {
    var layout = VMCSLayout.catalogue["bochs-2.7"] ?? .unheardOf(revision: 0x2b, form: "bochs-rotated")
    let names = layout.fields.filter { $0.value.width == 8 }.keys.sorted()
    let places = names.map { layout.fields[$0] }
    for (name, place) in zip(names, places.dropFirst(7) + places.prefix(7)) { layout = layout.moving(name, to: place) }
    return VMCSInfoTable(layout: layout).text
  }

  @Test func aNoteThatLiesIsRefusedWithAWarningAndTheCatalogueIsUsed() throws {
    let host = try #require(Self.host)
    let input = host.kdump(adding: VMCSInfoTable.note(lie))
    let run = try SplitRun(host, SplitRun.Options(input: { _ in input }))
    try expectExact(run, source: "catalogue")
    #expect(run.manifest.layout?.id == "bochs-2.7")
    let warnings = run.manifest.warnings.filter { $0.code == .layout_refused }.map(\.text)
    #expect(warnings.count == 1)
    let start = "the layout of the dump's VMCSINFO note refused: none of "
    #expect(warnings.first?.hasPrefix(start) == true, "\(warnings)")
    #expect(run.manifest.exitStatus == .complete)
  }

  @Test func sourcesAreTriedInTheirOrder() throws {
    let host = try #require(Self.host)
    let lie = lie
    let truth = VMCSInfoTable(layout: host.layout).binary
    let other = try Layout(parsing: "id other\nrevision 0x2b\naccess-rights sdm32\nGUEST_RIP 8 8\nGUEST_CR3 16 8")
    let input = host.kdump(adding: VMCSInfoTable.note(truth))
    let options = SplitRun.Options(input: { _ in input }, layout: other, vmcsinfo: try VMCSInfo.parse(lie))
    let run = try SplitRun(host, options)
    try expectExact(run, source: "vmcsinfo")
    let warnings = run.manifest.warnings.filter { $0.code == .layout_refused }.map(\.text)
    #expect(warnings.count == 2)
    #expect(warnings.first == "the layout other given with --layout refused: it has no place for HOST_CR3")
    #expect(warnings.last?.hasPrefix("the layout given with --vmcsinfo refused: none of ") == true)

    let right = SplitRun.Options(
      input: { _ in input }, layout: LayoutCatalogue.layout(id: "bochs-2.7"), vmcsinfo: try VMCSInfo.parse(lie))
    let given = try SplitRun(host, right)
    try expectExact(given, source: "layout-file")
    #expect(!given.manifest.warnings.contains { $0.code == .layout_refused })
  }

  @Test func aTableOfAnotherProcessorIsRefused() throws {
    let host = try #require(Self.host)
    let run = try SplitRun(host, SplitRun.Options(vmcsinfo: try VMCSInfo.parse(table("packed16").binary)))
    try expectExact(run, source: "catalogue")
    #expect(
      run.manifest.warnings.contains {
        $0.code == .layout_refused
          && $0.text
            == "the layout given with --vmcsinfo refused: no page with its revision id (0x7a) holds more than a header"
      })
  }

  @Test func theFirstNoteThatParsesCountsAndTheOthersAreReported() throws {
    let host = try host("packed16")
    let notes = [Array("REVISION_ID=12\n".utf8), table("packed16").text, lie].flatMap(VMCSInfoTable.note)
    let input = host.elf(adding: notes)
    let run = try SplitRun(host, SplitRun.Options(input: { _ in input }))
    try expectExact(run, source: "vmcsinfo")
    #expect(
      run.manifest.warnings.filter { $0.code == .vmcsinfo }.map(\.text) == [
        "VMCSINFO: a note that cannot be read: no field with a place",
        "VMCSINFO: one more note, not used",
      ])
  }
}

extension VMCSLayout {
  fileprivate func moving(_ name: String, to place: Place?) -> VMCSLayout {
    var fields = fields
    fields[name] = place
    return VMCSLayout(id: id, revision: revision, form: form, fields: fields)
  }
}

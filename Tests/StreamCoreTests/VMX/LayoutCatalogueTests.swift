import Foundation
@testable import StreamCore
import Testing

/// The catalogue against the table that it is made from.
@Suite struct LayoutCatalogueTests {
  private struct Place: Decodable {
    var offset: Int
    var width: Int
  }
  private struct Row: Decodable {
    var id: String
    var processor: String
    var revision_ids: [String]
    var access_rights: String
    var source: [String]
    var confidence: String
    var inferred: [String]
    var rule: String?
    var only_ivy_bridge: [String]?
    var only_newer: [String]?
    var fields: [String: Place]
  }
  private struct Table: Decodable {
    var count: Int
    var layouts: [Row]
  }
  private struct FieldRow: Decodable {
    var name: String
    var encoding: String
  }
  private struct FieldTable: Decodable {
    var count: Int
    var fields: [FieldRow]
  }

  private static let folder: URL = {
    var path = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { path.deleteLastPathComponent() }
    return path.appending(path: "Sources/StreamCore/VMX/Layouts")
  }()

  private static func load<T: Decodable>(_ name: String, _ type: T.Type) throws -> T {
    try JSONDecoder().decode(type, from: Data(contentsOf: folder.appending(path: "sources/" + name)))
  }

  @Test func everyFieldOfTheTableHasItsEncoding() throws {
    let table = try Self.load("fields.json", FieldTable.self)
    #expect(table.fields.count == 206)
    #expect(VMCSField.allCases.count == table.fields.count)
    for row in table.fields {
      let field = try #require(VMCSField(name: row.name))
      #expect(hex4(field.rawValue) == row.encoding)
      #expect(field.name == row.name)
    }
  }

  private func hex4(_ value: UInt16) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: 4 - digits.count) + digits
  }

  @Test func widthsFollowTheEncoding() {
    #expect(VMCSField.GUEST_CS_SELECTOR.width == 2)
    #expect(VMCSField.GUEST_CS_LIMIT.width == 4)
    #expect(VMCSField.EPT_POINTER.width == 8)
    #expect(VMCSField.GUEST_RIP.width == 8)
    #expect(VMCSField(name: "GUEST_NOTHING") == nil)
  }

  @Test func everyLayoutOfTheTableIsThereWithEveryPlace() throws {
    let table = try Self.load("layouts.json", Table.self)
    #expect(table.layouts.count == 17)
    #expect(LayoutCatalogue.all.map(\.id).sorted() == table.layouts.map(\.id).sorted())
    for row in table.layouts {
      let layout = try #require(LayoutCatalogue.layout(id: row.id))
      #expect(layout.processor == row.processor)
      #expect(layout.revisionIDs.map { $0 } == row.revision_ids.compactMap { UInt32($0.dropFirst(2), radix: 16) })
      #expect(layout.accessRights.rawValue == row.access_rights)
      #expect(layout.facts.confidence?.rawValue == row.confidence)
      #expect(layout.facts.sources == row.source)
      #expect(layout.facts.rule == row.rule)
      #expect(layout.facts.inferred.map(\.name) == row.inferred)
      #expect(layout.facts.optional.map(\.name) == row.only_ivy_bridge ?? row.only_newer ?? [])
      #expect(layout.fields.count == row.fields.count)
      for (name, place) in row.fields {
        let field = try #require(VMCSField(name: name))
        #expect(layout[field] == Layout.Place(offset: place.offset, width: place.width), "\(row.id) \(name)")
      }
      let absent = VMCSField.allCases.filter { row.fields[$0.name] == nil }
      #expect(absent.allSatisfy { layout[$0] == nil })
    }
  }

  @Test func theListNamesEveryFileOfTheFolder() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".swift") }
    let ids = try files.map { file in
      let text = try String(contentsOf: Self.folder.appending(path: file), encoding: .utf8)
      let start = try #require(text.range(of: "id: \""))
      return String(text[start.upperBound...].prefix { $0 != "\"" })
    }
    #expect(ids.sorted() == LayoutCatalogue.all.map(\.id).sorted())
  }

  @Test func entriesSayWhatTheirTextSays() throws {
    for entry in LayoutCatalogue.all {
      let layout = try Layout(parsing: entry.text)
      #expect(layout.id == entry.id)
      #expect(layout.revisionIDs == entry.revisionIDs)
    }
  }

  @Test func layoutsAreFoundByRevisionID() {
    #expect(LayoutCatalogue.layouts(revisionID: 0x12).map(\.id) == ["intel-haswell"])
    #expect(
      LayoutCatalogue.layouts(revisionID: 0x2b).map(\.id) == ["bochs-2.7", "bochs-2.8", "bochs-3.0", "bochs-git-2026"])
    #expect(LayoutCatalogue.layouts(revisionID: 0x8000_0012).map(\.id) == ["intel-haswell"])
    #expect(LayoutCatalogue.layouts(revisionID: 0x77).isEmpty)
    #expect(Set(LayoutCatalogue.heads.keys).isSuperset(of: [0x4, 0xd, 0x12, 0x2b, 0x11e5_7ed0]))
  }

  @Test func everyLayoutSurvivesItsTextForm() throws {
    for entry in LayoutCatalogue.all {
      let layout = try Layout(parsing: entry.text)
      #expect(try Layout(parsing: layout.text) == layout)
    }
  }
}

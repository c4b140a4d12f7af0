@testable import StreamCore
import Testing

@Suite struct LayoutTextTests {
  private static let header = "id mine\nrevision 0x12 19\naccess-rights packed16\n"

  private func parse(_ body: String) throws -> Layout { try Layout(parsing: Self.header + body) }

  @Test func linesMayContinueAndEndInCRLF() throws {
    let text = "id mine\r\nprocessor A\r\n  B\r\n# no line\r\n\r\naccess-rights sdm32\r\nGUEST_RIP 0x10 8\r\n"
    let layout = try Layout(parsing: text)
    #expect(layout.processor == "A B")
    #expect(layout[.GUEST_RIP] == Layout.Place(offset: 16, width: 8))
    #expect(layout.revisionIDs.isEmpty)
  }

  @Test func idsAreDecimalOrHexadecimal() throws {
    #expect(try parse("GUEST_RIP 8 8").revisionIDs == [0x12, 19])
  }

  @Test func theFirstAndTheLastBytesCanHoldAField() throws {
    let layout = try parse("GUEST_RIP 8 8\nGUEST_CR3 4088 8")
    #expect(layout[.GUEST_CR3]?.offset == 4088)
    #expect(layout.fields == [.GUEST_RIP, .GUEST_CR3])
  }

  @Test(arguments: [
    ("GUEST_RIP 4 8", LayoutError.outside(field: .GUEST_RIP, offset: 4)),
    ("GUEST_RIP 4089 8", .outside(field: .GUEST_RIP, offset: 4089)),
    ("GUEST_RIP 9223372036854775807 8", .outside(field: .GUEST_RIP, offset: .max)),
    ("GUEST_RIP 16 4", .width(field: .GUEST_RIP, width: 4)),
    ("GUEST_CS_AR_BYTES 16 4", .width(field: .GUEST_CS_AR_BYTES, width: 4)),
    ("GUEST_RIP 16 8\nGUEST_CR3 23 8", .overlap(.GUEST_RIP, .GUEST_CR3)),
    ("GUEST_RIP 16 8\nGUEST_RIP 24 8", .repeated(line: 5, name: "GUEST_RIP")),
    ("GUEST_RIPP 16 8", .unknownField(line: 4, name: "GUEST_RIPP")),
    ("GUEST_RIP 16", .line(4, "GUEST_RIP 16")),
    ("GUEST_RIP -16 8", .line(4, "GUEST_RIP -16 8")),
    ("GUEST_RIP 0x 8", .line(4, "GUEST_RIP 0x 8")),
    ("GUEST_RIP 99999999999999999999 8", .line(4, "GUEST_RIP 99999999999999999999 8")),
    ("colour blue", .line(4, "colour blue")),
    ("confidence vast", .line(4, "confidence vast")),
    ("id again", .repeated(line: 4, name: "id")),
    ("inferred GUEST_RIPP", .unknownField(line: 4, name: "GUEST_RIPP")),
  ])
  func faultsAreNamed(_ body: String, _ error: LayoutError) {
    #expect(throws: error) { try parse(body) }
  }

  @Test func idAndFormAreNeeded() {
    #expect(throws: LayoutError.missing(header: "id")) { try Layout(parsing: "access-rights sdm32\n") }
    #expect(throws: LayoutError.missing(header: "access-rights")) { try Layout(parsing: "id x\n") }
    #expect(throws: LayoutError.line(2, "access-rights odd")) { try Layout(parsing: "id x\naccess-rights odd\n") }
    #expect(throws: LayoutError.line(2, "revision 0x80000012")) { try Layout(parsing: "id x\nrevision 0x80000012\n") }
  }

  @Test func aTextOfAnySizeIsRefusedUnread() {
    let text = String(repeating: "# x\n", count: 20_000)
    #expect(throws: LayoutError.line(1, "more than 65536 bytes")) { try Layout(parsing: text) }
  }
}

import Testing

@testable import vmcs_bench

@Suite struct ReportTests {
  @Test func columnsLineUp() {
    let table = MarkdownTable(header: ["what", "n"], rows: [["a", "1"], ["longer", "12345"]])
    #expect(
      table.text == """
        | what   |     n |
        |--------|------:|
        | a      |     1 |
        | longer | 12345 |
        """)
  }
}

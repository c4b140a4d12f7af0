import Testing

/// Comments send a reader to Documentation; what they name is there.
@Suite struct PageMentionTests {
  static let pages = DocumentationPages([
    "Documentation/design.md": "# Design\n## 1. Words\n## 2. The way\n### 2.1 Reading\n### 2.2 Finding\n## 3 Rest\n",
    "Documentation/formats/elf.md": "# ELF\n",
  ])

  func faults(_ text: String, in path: String = "Sources/A.swift") -> [String] {
    PageMentionCheck.faults(Self.pages, [SourceFile(path, text)])
  }

  @Test func everyPageAndSectionThatCommentsNameIsThere() throws {
    try #require(!Checkout.files.isEmpty)
    expectNone(of: PageMentionCheck.faults(try .read(), Checkout.files + Checkout.scripts))
  }

  @Test(arguments: [
    "// Documentation/design.md", "/// Source: elf(5); Documentation/design.md §2.1.",
    "// See Documentation/design.md §1-3, §2.1-2.2 and §3, which says why", "// (Documentation/formats/elf.md), gprs",
    "/// Source: Documentation/design.md\n/// §2, steps 2 and 5.", "/* Documentation/design.md\n   §2.2 */",
    "// Documentation/design.md §2; what §3 says", "// RFC 8878 §3.1.1, §4.2", "// README.md, Benchmarks/README.md §9",
    "let text = \"gprs.md §2\"", "// Documentation/staging/lzo.rst",
  ])
  func aMentionThatLeadsThereIsFine(text: String) {
    #expect(faults(text) == [])
  }

  @Test(arguments: [
    ("// gprs.md §2", "gprs.md is not the path of a page in Documentation/"),
    ("// formats/elf.md", "formats/elf.md is not the path of a page in Documentation/"),
    ("// Documentation/none.md §1", "there is no Documentation/none.md"),
    ("// Documentation/design.md §2.3.", "Documentation/design.md has no section 2.3"),
    ("// Documentation/design.md §2, §4", "Documentation/design.md has no section 4"),
    ("// Documentation/design.md §2-5", "Documentation/design.md has no section 4, 5"),
    ("// as design §3.6 has it", "§3.6 of which page? Its path goes before it"),
    ("// Documentation/formats/elf.md (design §3)", "§3 of which page? Its path goes before it"),
    ("// Documentation/formats/elf.md (design\n// §3)", "§3 of which page? Its path goes before it"),
    ("let a = 1  // Source: §3", "§3 of which page? Its path goes before it"),
  ])
  func aMentionThatLeadsNowhereIsFound(text: String, fault: String) {
    #expect(faults(text) == ["Sources/A.swift:1: " + fault])
  }

  @Test func itsLineIsThatOfTheMention() {
    let text = "/// A thing.\n/// Source: Documentation/design.md §2,\n/// §7.\nlet a = 1\n// gprs.md\n"
    #expect(
      faults(text) == [
        "Sources/A.swift:3: Documentation/design.md has no section 7",
        "Sources/A.swift:5: gprs.md is not the path of a page in Documentation/",
      ])
  }

  @Test func commentsOfCCountToo() {
    #expect(faults("char a = '\"'; /* gprs.md */ char *b = \"elf.md\";", in: "Sources/C/a.h").count == 1)
  }

  @Test func commentsOfScriptsCountToo() {
    let text = "#!/usr/bin/python3\n\"\"\"Reads it.\n\nelf.md has more.\n\"\"\"\nname = 'gprs.md'\n  # gprs.md §1\n"
    let files = [SourceFile(script: "Tests/read", text)]
    #expect(
      PageMentionCheck.faults(Self.pages, files) == [
        "Tests/read:4: elf.md is not the path of a page in Documentation/",
        "Tests/read:7: gprs.md is not the path of a page in Documentation/",
      ])
  }
}

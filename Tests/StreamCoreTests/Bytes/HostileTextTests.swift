import Foundation
import Testing

@testable import StreamCore

@Suite struct HostileTextTests {
  @Test(
    arguments: [
      ("web", "web"), ("日本 Ünï", "日本 Ünï"), ("a\nb\t", #"a\x0ab\x09"#), ("\u{1b}[31m", #"\x1b[31m"#),
      ("\u{0}\u{7f}", #"\x00\x7f"#), ("\u{9b}1m", #"\xc2\x9b1m"#), ("a\u{202e}b", #"a\xe2\x80\xaeb"#),
      ("a\u{2066}b\u{200b}", #"a\xe2\x81\xa6b\xe2\x80\x8b"#), ("\u{2028}", #"\xe2\x80\xa8"#), (#"a\x2db"#, #"a\x2db"#),
    ] as [(String, String)])
  func `what is hidden or moves the cursor is shown as its bytes`(text: String, shown: String) {
    #expect(HostileText.escaped(text) == shown)
  }

  @Test func `a document says the same, and moves nothing`() throws {
    let text = "a\u{9b}31m\u{202e}\u{e0041}\u{10fffe}é\u{1b}\n\"\\"
    let document = try #require(String(data: try JSONEncoder().encode(["name": text]), encoding: .utf8)) + "\n"
    let escaped = HostileText.escaped(json: document)
    #expect(try JSONDecoder().decode([String: String].self, from: Data(escaped.utf8)) == ["name": text])
    #expect(HostileText.escaped(escaped.replacing("\n", with: "")) == escaped.replacing("\n", with: ""))
    #expect(escaped.contains("é") && escaped.hasSuffix("\n"))
  }
}

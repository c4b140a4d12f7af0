import Foundation
import Testing

@testable import StreamCore

/// Paths are bytes: those that are no UTF-8 go through text and come back.
@Suite struct PathTextTests {
  private static let samples: [[UInt8]] = [
    [], Array("plain /\u{e9}\u{1f600}".utf8), [0xff], [0x61, 0xe9, 0x62], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80],
    [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf0, 0x9f, 0x98, 0x80, 0xfe], Array("\u{10ff80}\u{10ffff}".utf8),
    Array("\u{10ff80}".utf8) + [0x80],
  ]

  @Test(arguments: samples)
  func bytesComeBack(bytes: [UInt8]) {
    let text = PathText.text(of: bytes)
    #expect(PathText.bytes(of: text) == bytes)
    #expect(PathText.terminated(text) == bytes.map { CChar(bitPattern: $0) } + [0])
  }

  @Test func twoRunsOfBytesAreTwoTexts() {
    let texts = Self.samples.map(PathText.text)
    #expect(Set(texts.map { Array($0.unicodeScalars) }).count == Self.samples.count)
  }

  @Test func textThatIsUTF8IsItself() {
    #expect(PathText.text(of: Array("a\u{301}/\u{e9}".utf8)) == "a\u{301}/\u{e9}")
    #expect(!PathText.isCarried("\u{e9}"))
    #expect(PathText.isCarried(PathText.text(of: [0xe9])))
  }

  @Test(
    arguments: [
      (Array("a b\u{e9}".utf8), "a b\u{e9}"), ([0x1b, 0x5b, 0x0a, 0x61], "\\x1b[\\x0aa"), ([0x61, 0xff], "a\\xff"),
      (Array("\u{9b}\u{202e}".utf8), "\\xc2\\x9b\\xe2\\x80\\xae"),
    ] as [([UInt8], String)])
  func whatMovesATerminalIsShown(bytes: [UInt8], text: String) {
    #expect(PathText.printable(PathText.text(of: bytes)) == text)
  }

  @Test(
    arguments: [
      ("a", nil), ("a/b", "a"), ("/a", "/"), ("/", nil), ("a//b//", "a"), ("", nil), ("//a", "/"), ("a/\u{301}b", "a"),
    ] as [(String, String?)])
  func whatLiesAbove(path: String, parent: String?) { #expect(PathText.parent(of: path) == parent) }

  @Test func aFileWhoseNameIsNoUTF8IsOpenedAndListed() throws {
    let directory = try ScratchDirectory()
    let name = PathText.text(of: [0x61, 0xff, 0xe9])
    let path = directory.path.path + "/" + name
    try FileSystem.makeDirectories(path, mode: 0o700)
    #expect(try FileSystem.names(in: directory.path.path, limit: 10) == [name])
    #expect(throws: SystemError(call: "open", path: path, code: EISDIR)) { try InputFile(path: path) }
  }
}

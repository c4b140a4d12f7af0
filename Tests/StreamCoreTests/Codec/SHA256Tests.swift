@testable import StreamCore
import Testing

@Suite struct SHA256Tests {
  /// Source: FIPS 180-4's examples; NIST's CAVS, empty message.
  @Test(
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func theStandardsExamples(text: String, sum: String) {
    let whole = SHA256()
    whole.update(Array(text.utf8))
    #expect(whole.finish() == sum)
    let pieces = SHA256()
    for byte in text.utf8 { pieces.update([byte]) }
    #expect(pieces.finish() == sum)
    // Begun anew.
    pieces.update(Array(text.utf8))
    #expect(pieces.finish() == sum)
  }
}

import Foundation
import Testing

@testable import vmcs_bench

/// What a kdump's own headers say must be read of it.
@Suite struct KdumpFactsTests {
  /// A kdump of 5 pages: two zero ones that share the first stored page, LZO of 50 and 500 bytes, zlib of 300.
  private func file(cut: Int = 0) throws -> URL {
    var bytes = [UInt8](repeating: 0, count: 4 * 4096 + 5 * 24)
    func put(_ value: Int, _ offset: Int, _ width: Int) {
      for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
    }
    bytes.replaceSubrange(0..<8, with: Array("KDUMP   ".utf8))
    put(1, 432, 4)
    put(2, 436, 4)
    // The second bitmap; the first one does not count.
    put(0b1_1011, 3 * 4096, 1)
    put(1, 3 * 4096 + 100, 1)
    let shared = 4 * 4096 + 5 * 24
    let pages = [
      (shared, 4096, 0), (shared + 4096, 50, 2), (shared, 4096, 0), (shared + 4146, 500, 2), (shared + 4646, 300, 1),
    ]
    for (index, page) in pages.enumerated() {
      put(page.0, 4 * 4096 + index * 24, 8)
      put(page.1, 4 * 4096 + index * 24 + 8, 4)
      put(page.2, 4 * 4096 + index * 24 + 12, 4)
    }
    let url = FileManager.default.temporaryDirectory.appending(path: "facts-\(UUID().uuidString)")
    try Data(bytes.dropLast(cut)).write(to: url)
    return url
  }

  @Test func sharedPagesCountOnceAndHeadsAreShort() throws {
    let url = try file()
    defer { try? FileManager.default.removeItem(at: url) }
    let facts = try KdumpFacts(path: url.path)
    #expect(facts == KdumpFacts(headers: 4 * 4096, descriptors: 5, stored: 4946, heads: 128 + 50 + 128 + 300))
    #expect(facts.list == 4 * 4096 + 120 + 606)
    #expect(facts.pages == 120 + 4946)
  }

  @Test func aFileWithoutItsDescriptorsIsRefused() throws {
    let url = try file(cut: 24)
    defer { try? FileManager.default.removeItem(at: url) }
    #expect(throws: BenchError.missing(what: "a descriptor", advice: "the file is cut")) {
      try KdumpFacts(path: url.path)
    }
  }
}

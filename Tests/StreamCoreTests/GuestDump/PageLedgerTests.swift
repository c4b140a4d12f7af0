import Testing

@testable import StreamCore

@Suite struct PageLedgerTests {
  private func ledger(_ frames: Range<UInt64>) -> PageLedger {
    var present = FrameBitmap()
    present.insert(frames)
    present.freeze()
    return PageLedger(present)
  }

  @Test func aFailedWriteIsNeverForgotten() {
    var ledger = ledger(7..<8)
    #expect(ledger.arrive(7) == 0)
    let first = SystemError(call: "pwrite", path: "g", code: 28)
    ledger.note(first)
    ledger.note(SystemError(call: "pwrite", path: "g", code: 5))
    #expect(throws: GuestDumpError.system(first)) { try ledger.close("g") }
  }

  @Test func theLowestMissingPageIsNamedAndBadOnesAreNotMissing() throws {
    var ledger = ledger(100..<300)
    for frame in 100..<300 as Range<UInt64> where frame % 50 != 7 { #expect(ledger.arrive(frame) == frame - 100) }
    ledger.markBad(107)
    ledger.markBad(5)
    #expect(ledger.badPages == 1)
    #expect(throws: GuestDumpError.defect(path: "g", .missing(frame: 157))) { try ledger.close("g") }
    for frame in [157, 207, 257] as [UInt64] { ledger.markBad(frame) }
    try ledger.close("g")
    #expect(ledger.kept.count == 196)
    #expect(ledger.kept.rank(158) == 56)
  }
}

import Testing

@testable import vmcs_bench

@Suite struct SpreadTests {
  @Test func medianOfAnOddAndAnEvenCount() throws {
    let odd = try #require(Spread(of: [9, 1, 4]))
    #expect([odd.median, odd.smallest, odd.largest] == [4, 1, 9])
    #expect(Spread(of: [4, 1, 2, 8])?.median == 3)
  }

  @Test func ratiosArePairedRoundByRound() throws {
    // The ratio of the medians would be 20 ÷ 2; the median of the pairs is 5.
    let spread = try #require(Spread(ratiosOf: [10, 20, 90], to: [2, 4, 1]))
    #expect([spread.median, spread.smallest, spread.largest] == [5, 5, 90])
  }

  @Test func nothingIsMadeOfNothing() {
    #expect(Spread(of: []) == nil)
    #expect(Spread(ratiosOf: [1], to: [0]) == nil)
    #expect(Spread(ratiosOf: [1, 2], to: [1]) == nil)
  }

  @Test func ratiosKeepThreeDigits() {
    #expect(
      [0.5, 1.234, 9.999, 12.34, 99.96, 1234.5].map(Report.ratio) == ["0.50", "1.23", "10.0", "12.3", "100", "1234"])
  }
}

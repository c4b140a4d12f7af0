import Testing

@testable import StreamCore

/// Whose map counts when maps reach what proves guests.
@Suite struct ClaimTests {
  /// Guests at evidence frames 10, 20, 30, … whose maps reach the frames given.
  private func settle(_ reached: [[UInt64]]) -> (kept: [UInt64], dropped: [String]) {
    let guests = reached.enumerated().map { index, frames in
      var guest = Guest(
        id: index, vcpus: [], roots: [], map: GuestMap(), identity: nil, evidence: [],
        evidenceFrames: [UInt64(index + 1) * 10])
      guest.map.reached = frames
      return guest
    }
    let (kept, dropped) = GuestFinder.settleClaims(guests)
    return (kept.flatMap(\.evidenceFrames), dropped.map(\.reason))
  }

  @Test func mapsThatReachNothingKeepAll() {
    #expect(settle([[], [], []]).kept == [10, 20, 30])
  }

  @Test func aGuestInsideAnotherIsThatOnes() {
    let settled = settle([[20], [], []])
    #expect(settled.kept == [10, 30])
    #expect(settled.dropped == ["what proves it lies in the memory of another guest"])
  }

  @Test func aMapOfTheWholeHostDropsOnlyItself() {
    let settled = settle([[], [10, 20, 30], []])
    #expect(settled.kept == [10, 30])
    #expect(settled.dropped == ["its own memory map reaches what proves it"])
  }

  @Test func guestsThatClaimEachOtherAreBothDropped() {
    #expect(settle([[20], [10], []]).kept == [30])
  }

  @Test func theClaimsOfAGuestInsideAnotherDoNotCount() {
    #expect(settle([[20], [30], []]).kept == [10, 30])
  }
}

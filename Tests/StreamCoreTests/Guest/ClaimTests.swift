import Testing

@testable import StreamCore

/// Whose map counts when maps reach what proves guests.
@Suite struct ClaimTests {
  private struct NoMemory: PhysicalMemory {
    func page(_ frame: UInt64) -> PageResult { .absent }
  }

  /// Guests at evidence frames 10, 20, 30, … whose maps reach the frames given.
  private func settle(_ reached: [[UInt64]]) throws -> (kept: [UInt64], dropped: [String]) {
    let dump = try OpenedDump(KdumpSample().bytes).dump
    let guests = reached.enumerated().map { index, frames in
      var map = GuestMap()
      map.reached = frames
      let group = GroupedGuest(
        index: index, vcpus: [], roots: [], evidence: .none, evidenceFrames: [UInt64(index + 1) * 10])
      let mapper = GuestMapper(
        dump: dump, memory: GuestMemory(host: NoMemory(), roots: []), excluded: [], zeroFrames: FrameBitmap(),
        checksPlaces: false)
      return MappedGuest(group: group, mapper: mapper, map: map)
    }
    let claims = Claims.settle(guests)
    return (claims.kept.flatMap(\.group.evidenceFrames), claims.dropped.map(\.reason))
  }

  @Test func mapsThatReachNothingKeepAll() throws {
    #expect(try settle([[], [], []]).kept == [10, 20, 30])
  }

  @Test func aGuestInsideAnotherIsThatOnes() throws {
    let settled = try settle([[20], [], []])
    #expect(settled.kept == [10, 30])
    #expect(settled.dropped == ["what proves it lies in the memory of another guest"])
  }

  @Test func aMapOfTheWholeHostDropsOnlyItself() throws {
    let settled = try settle([[], [10, 20, 30], []])
    #expect(settled.kept == [10, 30])
    #expect(settled.dropped == ["its own memory map reaches what proves it"])
  }

  @Test func guestsThatClaimEachOtherAreBothDropped() throws {
    #expect(try settle([[20], [10], []]).kept == [30])
  }

  @Test func theClaimsOfAGuestInsideAnotherDoNotCount() throws {
    #expect(try settle([[20], [30], []]).kept == [10, 30])
  }
}

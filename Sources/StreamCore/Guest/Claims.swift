/// Whose map counts: no guest's memory holds what proves a guest.
///
/// A map that reaches what proves it is not believed in anything; a guest that stands in the memory of one that is
/// believed is that one's own, and its claims count no more.
enum Claims {
  struct Result: Sendable {
    var kept: [MappedGuest]
    /// Guests that are none after all, with the reason.
    var dropped: [(region: HPA, reason: String)]
  }

  static func settle(_ guests: [MappedGuest]) -> Result {
    let claims = guests.map { guest in Set(guest.map.reached) }
    let reaches = { (from: Int, to: Int) in guests[to].group.evidenceFrames.contains(where: claims[from].contains) }
    var open = guests.indices.filter { !reaches($0, $0) }
    var reasons = Dictionary(
      uniqueKeysWithValues: guests.indices.filter { reaches($0, $0) }.map {
        ($0, "its own memory map reaches what proves it")
      })
    var kept: [Int] = []
    while !open.isEmpty {
      let free = open.filter { guest in !open.contains { $0 != guest && reaches($0, guest) } }
      // None is free: they claim each other, and none can be believed.
      let lost = free.isEmpty ? open : open.filter { guest in free.contains { reaches($0, guest) } }
      for guest in lost { reasons[guest] = "what proves it lies in the memory of another guest" }
      kept += free
      open.removeAll { free.contains($0) || lost.contains($0) }
    }
    return Result(
      kept: kept.sorted().map { guests[$0] },
      dropped: reasons.sorted { $0.key < $1.key }.map { (guests[$0.key].group.lowestRegion, $0.value) })
  }
}

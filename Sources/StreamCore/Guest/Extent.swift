/// A run of guest frames that map to a run of host frames, of one guest: (gpa, hpa, count) of Documentation/design.md
/// §1. Packed into 16 bytes, for a host can have hundreds of millions.
struct Extent: Sendable, Equatable {
  /// Frames that one extent has at most, and the alignment of host frames that none crosses.
  static let limit: UInt64 = 1024
  /// Guests that extents can tell apart.
  static let maximumOwners = 1 << ownerBits
  private static let countBits: UInt64 = 10
  private static let ownerBits: UInt64 = 19

  /// First host frame, 41 bits, above the count less one.
  private var hostAndCount: UInt64
  /// First guest frame, 45 bits (5 levels of tables), above the owner.
  private var guestAndOwner: UInt64

  /// First host frame.
  var host: UInt64 { hostAndCount >> Self.countBits }
  /// First guest frame.
  var guest: UInt64 { guestAndOwner >> Self.ownerBits }
  /// Frames, 1 to 1024.
  var count: UInt64 { hostAndCount & (1 << Self.countBits - 1) + 1 }
  /// Index of the guest among all of the host's.
  var owner: Int { Int(guestAndOwner & (1 << Self.ownerBits - 1)) }

  /// In order of host frames, then owners; unique for what a guest maps.
  static func precedes(_ one: Extent, _ other: Extent) -> Bool {
    if one.host != other.host { return one.host < other.host }
    if one.owner != other.owner { return one.owner < other.owner }
    return (one.guest, one.count) < (other.guest, other.count)
  }

  /// - Parameters:
  ///   - host: below 2^40, which no entry of a table can exceed, or a swap entry in its place, below 2^41.
  ///   - guest: below 2^45.
  ///   - count: such that the host frames lie in one aligned 1024.
  ///   - owner: below `maximumOwners`.
  init(host: UInt64, guest: UInt64, count: UInt64, owner: Int) {
    precondition(owner >= 0 && owner < Self.maximumOwners, "guests are counted when they are grouped")
    hostAndCount = host << Self.countBits | (count &- 1) & (1 << Self.countBits - 1)
    guestAndOwner = guest << Self.ownerBits | UInt64(owner)
  }

  /// Cuts a run at each multiple of 1024 host frames.
  static func cut(_ run: MapRun, owner: Int, _ body: (Extent) throws -> Void) rethrows {
    var rest = run
    while rest.count > 0 {
      let take = min(limit - rest.hostFrame % limit, rest.count)
      try body(Extent(host: rest.hostFrame, guest: rest.gpaFrame, count: take, owner: owner))
      rest.hostFrame += take
      rest.gpaFrame += take
      rest.count -= take
    }
  }

  /// The part of it whose host and guest frames lie in the ranges; `nil` when there is none.
  func clipped(host hosts: Range<UInt64>, guest guests: Range<UInt64>) -> Extent? {
    let skip = max(
      hosts.lowerBound > host ? hosts.lowerBound - host : 0, guests.lowerBound > guest ? guests.lowerBound - guest : 0)
    guard host + skip < hosts.upperBound, guest + skip < guests.upperBound, skip < count else { return nil }
    let room = min(hosts.upperBound - host, guests.upperBound - guest, count)
    if skip == 0 && room == count { return self }
    return Extent(host: host + skip, guest: guest + skip, count: room - skip, owner: owner)
  }
}

/// Extents as they are found, handed on some thousands at a time.
struct ExtentBuffer {
  static let capacity = 4096
  private let hand: @Sendable ([Extent]) throws -> Void
  private var extents: [Extent] = []

  init(_ hand: @escaping @Sendable ([Extent]) throws -> Void) { self.hand = hand }

  mutating func add(_ run: MapRun, owner: Int) throws {
    try Extent.cut(run, owner: owner) { try add($0) }
  }

  mutating func add(_ extent: Extent) throws {
    extents.append(extent)
    if extents.count >= Self.capacity { try flush() }
  }

  mutating func flush() throws {
    guard !extents.isEmpty else { return }
    let full = extents
    extents = []
    try hand(full)
  }
}

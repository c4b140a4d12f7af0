/// What the pass saw of one guest.
struct GuestTally: Sendable {
  var zero: UInt64 = 0
  var faults = GuestFaults()
}

/// The builders' own random numbers: the same seed gives the same host on every machine.
/// Source: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators.
public struct SplitMix64: Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return SplitMix64.mix(state)
  }

  /// A number below `bound`, which is at least 1.
  public mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }

  /// One step of SplitMix64's output function: spreads neighbouring numbers over 64 bits.
  public static func mix(_ value: UInt64) -> UInt64 {
    var bits = value
    bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
    return bits ^ (bits >> 31)
  }
}

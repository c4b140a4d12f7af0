import HostModel

/// A fixed shuffle of `0 ..< count` that needs no table: a Feistel network over the next power of two, walked until it
/// lands inside.
struct Permutation: Sendable {
  let count: UInt64
  private let leftBits: UInt64
  private let rightBits: UInt64
  private let keys: [4 of UInt64]

  /// - Parameter count: 1 to 2^40.
  init(count: UInt64, seed: UInt64) {
    precondition(count > 0 && count <= 1 << 40)
    self.count = count
    let bits = UInt64(max(2, 64 - (count - 1).leadingZeroBitCount))
    leftBits = bits / 2
    rightBits = bits - bits / 2
    keys = [mix(seed), mix(seed &+ 1), mix(seed &+ 2), mix(seed &+ 3)]
  }

  /// Where `index` goes.
  func callAsFunction(_ index: UInt64) -> UInt64 {
    var value = index
    repeat {
      var left = value >> rightBits
      var right = value & (1 << rightBits - 1)
      left ^= noise(right, keys[0]) & (1 << leftBits - 1)
      right ^= noise(left, keys[1]) & (1 << rightBits - 1)
      left ^= noise(right, keys[2]) & (1 << leftBits - 1)
      right ^= noise(left, keys[3]) & (1 << rightBits - 1)
      value = left << rightBits | right
    } while value >= count
    return value
  }

  /// What goes to `place`.
  func inverse(_ place: UInt64) -> UInt64 {
    var value = place
    repeat {
      var left = value >> rightBits
      var right = value & (1 << rightBits - 1)
      right ^= noise(left, keys[3]) & (1 << rightBits - 1)
      left ^= noise(right, keys[2]) & (1 << leftBits - 1)
      right ^= noise(left, keys[1]) & (1 << rightBits - 1)
      left ^= noise(right, keys[0]) & (1 << leftBits - 1)
      value = left << rightBits | right
    } while value >= count
    return value
  }

  private func noise(_ value: UInt64, _ key: UInt64) -> UInt64 {
    let product = (value ^ key) &* 0x9e37_79b9_7f4a_7c15
    return product >> 29 ^ product >> 47
  }
}

/// A 64-bit hash: the first number that follows a seed.
func mix(_ value: UInt64) -> UInt64 {
  var random = SplitMix64(seed: value)
  return random.next()
}

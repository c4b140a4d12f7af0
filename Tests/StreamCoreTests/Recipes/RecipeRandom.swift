/// The builder's own random numbers: the same seed gives the same host on every machine (SplitMix64).
struct RecipeRandom: Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return RecipeRandom.mix(state)
  }

  /// A number below `bound`, which is at least 1.
  mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }

  /// One step of SplitMix64's output function: spreads neighbouring numbers over 64 bits.
  static func mix(_ value: UInt64) -> UInt64 {
    var bits = value
    bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
    return bits ^ (bits >> 31)
  }
}

/// What a guest's page holds when nothing of its kernel stands there.
enum RecipeContent {
  /// The 512 words of guest frame `frame`, or `nil` for a page of zeros. Three pages in ten are zero, three are text,
  /// one is a quarter full, three do not compress.
  static func page(frame: UInt64, seed: UInt64) -> [UInt64]? {
    let kind = RecipeRandom.mix(seed ^ (frame &* 0x1_0000_0001)) % 10
    switch kind {
    case 0..<3: return nil
    case 3..<6: return text("guest \(seed % 1000) frame \(frame) ")
    case 6: return noise(seed: seed ^ frame, words: 128)
    default: return noise(seed: seed ^ frame, words: 512)
    }
  }

  private static func noise(seed: UInt64, words: Int) -> [UInt64] {
    var random = RecipeRandom(seed: RecipeRandom.mix(seed))
    var page = RecipeMemory.zero
    for index in 0..<words { page[index] = random.next() }
    return page
  }

  private static func text(_ line: String) -> [UInt64] {
    var words: [UInt64] = []
    let bytes = Array(line.utf8)
    var padded = bytes
    while padded.count % 8 != 0 { padded.append(0x2e) }
    for start in stride(from: 0, to: padded.count, by: 8) {
      words.append(padded[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }
    var page = RecipeMemory.zero
    for index in 0..<512 { page[index] = words[index % words.count] }
    return page
  }
}

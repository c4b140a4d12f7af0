import HostModel

/// What a guest's page holds when nothing of its kernel stands there.
package enum RecipeContent {
  /// The 512 words of guest frame `frame`, or `nil` for a page of zeros. Three pages in ten are zero, three are text,
  /// one is a quarter full, three do not compress.
  package static func page(frame: UInt64, seed: UInt64) -> [UInt64]? {
    let kind = SplitMix64.mix(seed ^ (frame &* 0x1_0000_0001)) % 10
    switch kind {
    case 0..<3: return nil
    case 3..<6: return text("guest \(seed % 1000) frame \(frame) ")
    case 6: return noise(seed: seed ^ frame, words: 128)
    default: return noise(seed: seed ^ frame, words: 512)
    }
  }

  /// A page that compresses to some bytes, or to some thousand, or that is one word over and over.
  package static func small(frame: UInt64, seed: UInt64) -> [UInt64]? {
    switch frame % 8 {
    case 0: return nil
    case 1: return [UInt64](repeating: SplitMix64.mix(seed ^ frame), count: 512)
    case 2, 3: return text("guest \(seed % 1000) swapped \(frame) ")
    case 4: return noise(seed: seed ^ frame, words: 400)
    default: return noise(seed: seed ^ frame, words: 1 + Int(SplitMix64.mix(frame) % 380))
    }
  }

  package static func noise(seed: UInt64, words: Int) -> [UInt64] {
    var random = SplitMix64(seed: SplitMix64.mix(seed))
    var page = SparseMemory.zero
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
    var page = SparseMemory.zero
    for index in 0..<512 { page[index] = words[index % words.count] }
    return page
  }
}

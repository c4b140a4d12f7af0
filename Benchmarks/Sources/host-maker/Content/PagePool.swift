import HostModel

/// A few hundred pages that compress like a real host's: each is made for one pair of `SizeTargets`. They are the same
/// in all hosts.
struct PagePool: Sendable {
  /// Each pair as often.
  static let count = SizeTargets.pairs.count * 2

  /// Made once; nil when a codec library cannot start.
  static let standard = PageCodec().map { PagePool(codec: $0) }

  let pages: [[UInt8]]

  private init(codec: PageCodec) {
    pages = (0..<Self.count).map { index in
      let target = SizeTargets.pairs[index % SizeTargets.pairs.count]
      let maker = PageMaker(lzo: target.lzo, zlib: target.zlib, seed: mix(0x10001 &+ UInt64(index)))
      return maker.page(codec)
    }
  }
}

/// Makes a page that takes given sizes in LZO and zlib, as near as its knobs get.
///
/// A page is literals with gaps between them. How many literals there are sets the size in LZO, which looks for repeats
/// alone; from how few values they come sets the size in zlib, which counts them too. Gaps are zeros and repeats of
/// anything, or the same places of the record before, which zlib says in fewer bits than LZO.
struct PageMaker {
  let lzo: Int
  let zlib: Int
  let seed: UInt64

  /// Bytes of a record; 0: none.
  private static let records = [0, 64, 16, 256]
  /// Off by less is good enough, in hundredths of the sizes.
  private static let tolerance = 1

  func page(_ codec: PageCodec) -> [UInt8] {
    var best = [UInt8](repeating: [0xff, 0xcc, 0x6b, 0x5a, 0xaa][Int(seed % 5)], count: 4096)
    // Pages that hold one value: poison, erased flash, empty entries.
    guard lzo > 45 else { return best }
    var distance = Int.max
    for record in Self.records {
      let page = page(record: record, codec)
      let off = abs(codec.size(page, .zlib) - zlib) + 2 * abs(codec.size(page, .lzo) - lzo)
      if off < distance { (best, distance) = (page, off) }
      if distance * 100 <= (2 * lzo + zlib) * Self.tolerance { break }
    }
    return best
  }

  /// Looks for the number of values.
  private func page(record: Int, _ codec: PageCodec) -> [UInt8] {
    var low = 1
    var high = 256
    var page = page(record: record, values: high, codec)
    while low < high {
      let middle = (low + high) / 2
      page = self.page(record: record, values: middle, codec)
      let size = codec.size(page, .zlib)
      if abs(size - zlib) * 100 <= zlib { return page }
      if size < zlib { low = middle + 1 } else { high = middle }
    }
    return self.page(record: record, values: low, codec)
  }

  /// Looks for the number of literals.
  private func page(record: Int, values: Int, _ codec: PageCodec) -> [UInt8] {
    var low = 1
    var high = min(4096, lzo + lzo / 2)
    var best: (page: [UInt8], off: Int) = ([], .max)
    // More literals take more bytes nearly always, so what was best on the way counts.
    while low <= high {
      let middle = (low + high) / 2
      let page = make(record: record, values: values, literals: middle)
      let size = codec.size(page, .lzo)
      if abs(size - lzo) < best.off { best = (page, abs(size - lzo)) }
      if best.off * 200 <= lzo { break }
      if size < lzo { low = middle + 1 } else { high = middle - 1 }
    }
    return best.page
  }

  private func make(record: Int, values: Int, literals: Int) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    let first = UInt8(truncatingIfNeeded: random.next())
    let step = UInt8(truncatingIfNeeded: random.next() | 1)
    var page = [UInt8](repeating: 0, count: 4096)
    var noise = NoiseBytes(random: random, values: values, first: first, step: step)
    if record == 0 {
      scatter(literals, over: &page, &random, &noise)
    } else {
      repeatRecords(record, literals, over: &page, &noise)
    }
    return page
  }

  private func scatter(_ literals: Int, over page: inout [UInt8], _ random: inout SplitMix64, _ noise: inout NoiseBytes)
  {
    var at = 0
    var left = literals
    var gaps = 4096 - literals
    // Half of all pages begin with a gap.
    var isGap = random.next() & 1 == 1
    while at < 4096 {
      if isGap {
        let share = gaps * 24 / max(left, 24)
        let count = left == 0 ? gaps : min(gaps, Int(random.below(UInt64(2 * share + 1))))
        if at > 0 && random.next() & 1 == 1 {
          let from = Int(random.below(UInt64(at)))
          for place in 0..<count { page[at + place] = page[from + place] }
        }
        at += count
        gaps -= count
      } else {
        let count = gaps == 0 ? left : min(left, 8 + Int(random.below(32)))
        for place in 0..<count { page[at + place] = noise.next() }
        at += count
        left -= count
      }
      isGap.toggle()
    }
  }

  /// Each record is the one before with some bytes changed, always at the same place.
  private func repeatRecords(_ record: Int, _ literals: Int, over page: inout [UInt8], _ noise: inout NoiseBytes) {
    let count = 4096 / record
    for place in 0..<min(record / 2, literals) { page[place] = noise.next() }
    let left = max(0, literals - record / 2)
    for number in 1..<count {
      let start = number * record
      for place in 0..<record { page[start + place] = page[start - record + place] }
      let changes = left * number / (count - 1) - left * (number - 1) / (count - 1)
      for place in 0..<min(changes, record) { page[start + place] = noise.next() }
    }
  }
}

/// Bytes of a few values, all as likely.
private struct NoiseBytes {
  var random: SplitMix64
  let values: Int
  let first: UInt8
  let step: UInt8
  private var word: UInt64 = 0
  private var left = 0

  init(random: SplitMix64, values: Int, first: UInt8, step: UInt8) {
    self.random = random
    self.values = values
    self.first = first
    self.step = step
  }

  mutating func next() -> UInt8 {
    if left == 0 { (word, left) = (random.next(), 4) }
    left -= 1
    let number = (Int(word & 0xffff) * values) >> 16
    word >>= 16
    // The step is odd, so that each value is another byte.
    return first &+ step &* UInt8(truncatingIfNeeded: number)
  }
}

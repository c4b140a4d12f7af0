/// A set of page frame numbers: one bit a frame, and nothing for a stretch of 32,768 frames (128 MiB) that holds
/// none, so that frames far above the rest cost no more than their own stretch. `freeze()` adds the directory
/// that makes `rank` a matter of at most eight popcounts.
struct FrameBitmap: Sendable, Equatable {
  /// Frames that one chunk covers; its bits are one page, 4096 bytes.
  static let framesPerChunk: UInt64 = 32_768
  private static let wordsPerChunk = 512
  /// Words whose popcounts `rank` adds up at most.
  private static let wordsPerStep = 8
  private static let stepsPerChunk = wordsPerChunk / wordsPerStep

  private var slotOfChunk = ChunkDirectory()
  private var words: [UInt64] = []
  /// Chunk numbers in ascending order; set by `freeze()`.
  private var order: [UInt64] = []
  /// Frames before each slot's chunk, and within it before each step; set by `freeze()`.
  private var before: [UInt64] = []
  private var steps: [UInt16] = []
  /// The directory is that of the words; of an empty set there is none.
  private var frozen = true
  private(set) var count: UInt64 = 0

  /// Bytes of memory that the bits and the directory take, for the accounting of `--memory`.
  var byteCount: Int { words.count * 8 + steps.count * 2 + slotOfChunk.byteCount }

  func contains(_ frame: UInt64) -> Bool {
    guard let slot = slotOfChunk[frame / Self.framesPerChunk] else { return false }
    return words[slot * Self.wordsPerChunk + Self.word(frame)] >> (frame & 63) & 1 == 1
  }

  @discardableResult
  mutating func insert(_ frame: UInt64) -> Bool {
    frozen = false
    let at = slot(creating: frame / Self.framesPerChunk) * Self.wordsPerChunk + Self.word(frame)
    let bit = UInt64(1) << (frame & 63)
    guard words[at] & bit == 0 else { return false }
    words[at] |= bit
    count += 1
    return true
  }

  mutating func insert(_ frames: Range<UInt64>) {
    var frame = frames.lowerBound
    while frame < frames.upperBound {
      let low = frame & 63
      let take = min(64 - low, frames.upperBound - frame)
      let mask = (take == 64 ? UInt64.max : (1 << take) - 1) << low
      insertWord(mask, containing: frame)
      frame += take
    }
  }

  /// Adds 64 frames' bits at once; `frame` names any of the 64.
  mutating func insertWord(_ bits: UInt64, containing frame: UInt64) {
    guard bits != 0 else { return }
    frozen = false
    let at = slot(creating: frame / Self.framesPerChunk) * Self.wordsPerChunk + Self.word(frame)
    count += UInt64((bits & ~words[at]).nonzeroBitCount)
    words[at] |= bits
  }

  /// Adds the frames of one chunk from its 4096 bytes, least significant bit first, those in `range` only.
  mutating func insertChunk(_ chunk: UInt64, _ bytes: RawSpan, in range: Range<UInt64>) {
    for word in 0..<Self.wordsPerChunk {
      guard var bits: UInt64 = bytes.load(word * 8), bits != 0 else { continue }
      let base = chunk * Self.framesPerChunk + UInt64(word) * 64
      if base >= range.upperBound { return }
      if range.upperBound - base < 64 { bits &= (1 << (range.upperBound - base)) - 1 }
      if range.lowerBound > base { bits &= UInt64.max << min(64, range.lowerBound - base) }
      insertWord(bits, containing: base)
    }
  }

  mutating func remove(_ frame: UInt64) {
    guard let slot = slotOfChunk[frame / Self.framesPerChunk] else { return }
    let at = slot * Self.wordsPerChunk + Self.word(frame)
    let bit = UInt64(1) << (frame & 63)
    guard words[at] & bit != 0 else { return }
    frozen = false
    words[at] &= ~bit
    count -= 1
  }

  mutating func formUnion(_ other: FrameBitmap) {
    for chunk in other.slotOfChunk.chunks {
      guard let slot = other.slotOfChunk[chunk] else { continue }
      for word in 0..<Self.wordsPerChunk {
        let bits = other.words[slot * Self.wordsPerChunk + word]
        if bits != 0 { insertWord(bits, containing: chunk * Self.framesPerChunk + UInt64(word) * 64) }
      }
    }
  }

  /// The frames that both have.
  func intersection(_ other: FrameBitmap) -> FrameBitmap {
    var both = FrameBitmap()
    for chunk in slotOfChunk.chunks {
      guard let slot = slotOfChunk[chunk], let otherSlot = other.slotOfChunk[chunk] else { continue }
      for word in 0..<Self.wordsPerChunk {
        let bits = words[slot * Self.wordsPerChunk + word] & other.words[otherSlot * Self.wordsPerChunk + word]
        both.insertWord(bits, containing: chunk * Self.framesPerChunk + UInt64(word) * 64)
      }
    }
    return both
  }

  func union(_ other: FrameBitmap) -> FrameBitmap {
    var both = self
    both.formUnion(other)
    return both
  }

  /// Builds the rank directory. Must be called after the last change and before `rank` or `forEachRun`.
  mutating func freeze() {
    guard !frozen else { return }
    order = slotOfChunk.chunks
    before = Array(repeating: 0, count: slotOfChunk.count)
    steps = Array(repeating: 0, count: slotOfChunk.count * Self.stepsPerChunk)
    var total: UInt64 = 0
    for chunk in order {
      guard let slot = slotOfChunk[chunk] else { continue }
      before[slot] = total
      var inChunk = 0
      for step in 0..<Self.stepsPerChunk {
        steps[slot * Self.stepsPerChunk + step] = UInt16(inChunk)
        let first = slot * Self.wordsPerChunk + step * Self.wordsPerStep
        for word in first..<first + Self.wordsPerStep { inChunk += words[word].nonzeroBitCount }
      }
      total += UInt64(inChunk)
    }
    frozen = true
  }

  /// How many frames of the set lie below `frame`. Needs `freeze()`.
  func rank(_ frame: UInt64) -> UInt64 {
    precondition(frozen, "rank needs freeze()")
    let chunk = frame / Self.framesPerChunk
    guard let slot = slotOfChunk[chunk] else {
      // Empty stretch: everything in the chunks below it.
      let index = order.partitioningIndex { $0 >= chunk }
      guard index < order.count, let next = slotOfChunk[order[index]] else { return count }
      return before[next]
    }
    let word = Self.word(frame)
    let step = word / Self.wordsPerStep
    var result = before[slot] + UInt64(steps[slot * Self.stepsPerChunk + step])
    let base = slot * Self.wordsPerChunk
    for at in step * Self.wordsPerStep..<word { result += UInt64(words[base + at].nonzeroBitCount) }
    let below = (UInt64(1) << (frame & 63)) - 1
    return result + UInt64((words[base + word] & below).nonzeroBitCount)
  }

  /// One past the highest frame, 0 when empty. Needs `freeze()`.
  var end: UInt64 {
    precondition(frozen, "end needs freeze()")
    for chunk in order.reversed() {
      guard let slot = slotOfChunk[chunk] else { continue }
      for word in stride(from: Self.wordsPerChunk - 1, through: 0, by: -1) {
        let bits = words[slot * Self.wordsPerChunk + word]
        if bits != 0 {
          return chunk * Self.framesPerChunk + UInt64(word) * 64 + UInt64(64 - bits.leadingZeroBitCount)
        }
      }
    }
    return 0
  }

  /// The numbers of the chunks that are not empty, ascending. Needs `freeze()`.
  var chunks: [UInt64] {
    precondition(frozen, "chunks needs freeze()")
    return order
  }

  /// The 4096 bytes of one chunk, least significant bit first.
  func chunkBytes(_ chunk: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.wordsPerChunk * 8)
    guard let slot = slotOfChunk[chunk] else { return Array(repeating: 0, count: Self.wordsPerChunk * 8) }
    for word in words[slot * Self.wordsPerChunk..<(slot + 1) * Self.wordsPerChunk] {
      bytes.append(littleEndian: word)
    }
    return bytes
  }

  /// The frames of one chunk that are not set in `bytes`, its 4096 bytes in another set: how many, and the lowest.
  func frames(ofChunk chunk: UInt64, notIn bytes: RawSpan) -> (count: UInt64, first: UInt64?) {
    guard let slot = slotOfChunk[chunk] else { return (0, nil) }
    var count: UInt64 = 0
    var first: UInt64?
    for word in 0..<Self.wordsPerChunk {
      let other: UInt64 = bytes.load(word * 8) ?? 0
      let strays = words[slot * Self.wordsPerChunk + word] & ~other
      guard strays != 0 else { continue }
      count += UInt64(strays.nonzeroBitCount)
      first = first ?? chunk * Self.framesPerChunk + UInt64(word * 64 + strays.trailingZeroBitCount)
    }
    return (count, first)
  }

  /// Whether `frame` is in the set, and how far that holds for the frames behind it, at most up to `limit`.
  func sameRun(from frame: UInt64, limit: UInt64) -> (isIn: Bool, end: UInt64) {
    let isIn = contains(frame)
    var end = frame + 1
    while end < limit {
      guard let slot = slotOfChunk[end / Self.framesPerChunk] else {
        if isIn { return (isIn, end) }
        end = (end / Self.framesPerChunk + 1) * Self.framesPerChunk
        continue
      }
      let word = words[slot * Self.wordsPerChunk + Self.word(end)]
      let others = (isIn ? ~word : word) >> (end & 63)
      if others != 0 { return (isIn, min(limit, end + UInt64(others.trailingZeroBitCount))) }
      end = (end / 64 + 1) * 64
    }
    return (isIn, min(limit, end))
  }

  /// Calls `body` with each maximal run of consecutive frames inside `range`, ascending. Needs `freeze()`.
  func forEachRun(in range: Range<UInt64>? = nil, _ body: (Range<UInt64>) throws -> Void) rethrows {
    precondition(frozen, "forEachRun needs freeze()")
    let range = range ?? 0..<UInt64.max
    var open: Range<UInt64>?
    let first = order.partitioningIndex { $0 >= range.lowerBound / Self.framesPerChunk }
    for chunk in order[first...] {
      if chunk * Self.framesPerChunk >= range.upperBound { break }
      guard let slot = slotOfChunk[chunk] else { continue }
      let low = max(range.lowerBound, chunk * Self.framesPerChunk)
      let high = min(range.upperBound - 1, (chunk + 1) * Self.framesPerChunk - 1)
      guard low <= high else { continue }
      for word in Self.word(low)...Self.word(high) {
        var bits = words[slot * Self.wordsPerChunk + word]
        guard bits != 0 else { continue }
        let base = chunk * Self.framesPerChunk + UInt64(word) * 64
        bits &= Self.mask(of: range, word: base)
        while bits != 0 {
          let first = bits.trailingZeroBitCount
          let length = (~(bits >> first)).trailingZeroBitCount
          let run = base + UInt64(first)..<base + UInt64(first + length)
          if let previous = open, previous.upperBound == run.lowerBound {
            open = previous.lowerBound..<run.upperBound
          } else {
            if let previous = open { try body(previous) }
            open = run
          }
          bits = first + length == 64 ? 0 : bits & ~((1 << (first + length)) - 1)
        }
      }
    }
    if let open { try body(open) }
  }

  /// All runs, ascending. Needs `freeze()`; for callers that know there are few.
  var runs: [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    forEachRun { result.append($0) }
    return result
  }

  private static func mask(of range: Range<UInt64>, word base: UInt64) -> UInt64 {
    var mask = UInt64.max
    if range.lowerBound > base {
      if range.lowerBound - base >= 64 { return 0 }
      mask &= UInt64.max << (range.lowerBound - base)
    }
    if range.upperBound <= base { return 0 }
    if range.upperBound - base < 64 { mask &= (1 << (range.upperBound - base)) - 1 }
    return mask
  }

  private static func word(_ frame: UInt64) -> Int { Int(frame % framesPerChunk / 64) }

  private mutating func slot(creating chunk: UInt64) -> Int {
    if let slot = slotOfChunk[chunk] { return slot }
    let slot = slotOfChunk.count
    slotOfChunk[chunk] = slot
    words.append(contentsOf: repeatElement(0, count: Self.wordsPerChunk))
    return slot
  }
}

/// How many extents stand in each step of 1024 host frames; nothing for stretches without any.
struct StepCounts: Sendable {
  static let framesPerStep = Extent.limit
  private static let stepsPerChunk = FrameBitmap.framesPerChunk / framesPerStep

  private var slotOfChunk = ChunkDirectory()
  private var counts: [Int] = []

  /// Index of a frame's step among those that are kept; `nil` where its stretch has none.
  private func index(_ frame: UInt64) -> Int? {
    guard let slot = slotOfChunk[frame / FrameBitmap.framesPerChunk] else { return nil }
    return slot * Int(Self.stepsPerChunk) + Int(frame / Self.framesPerStep % Self.stepsPerChunk)
  }

  mutating func add(_ count: Int, at frame: UInt64) {
    if let index = index(frame) {
      counts[index] += count
      return
    }
    let chunk = frame / FrameBitmap.framesPerChunk
    slotOfChunk[chunk] = slotOfChunk.count
    counts += repeatElement(0, count: Int(Self.stepsPerChunk))
    if let index = index(frame) { counts[index] += count }
  }

  /// Takes the number at a frame's step, and puts one more there.
  mutating func next(at frame: UInt64) -> Int {
    guard let index = index(frame) else { return 0 }
    defer { counts[index] += 1 }
    return counts[index]
  }

  /// The steps with extents, ascending, by their first frame.
  func forEach(_ body: (_ step: UInt64, _ count: Int) throws -> Void) rethrows {
    for chunk in slotOfChunk.chunks {
      guard let slot = slotOfChunk[chunk] else { continue }
      for step in 0..<Self.stepsPerChunk {
        let count = counts[slot * Int(Self.stepsPerChunk) + Int(step)]
        if count > 0 { try body(chunk * FrameBitmap.framesPerChunk + step * Self.framesPerStep, count) }
      }
    }
  }

  /// Puts in place of each number the sum of those before it.
  mutating func sumUp() {
    var sum = 0
    for chunk in slotOfChunk.chunks {
      guard let slot = slotOfChunk[chunk] else { continue }
      for index in slot * Int(Self.stepsPerChunk)..<(slot + 1) * Int(Self.stepsPerChunk) {
        let count = counts[index]
        counts[index] = sum
        sum += count
      }
    }
  }
}

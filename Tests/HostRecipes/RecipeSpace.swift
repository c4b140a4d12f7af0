import HostModel

/// Physical memory of a host or a guest together with who uses which frame. Frames are placed by the seed, scattered
/// over RAM above the first MiB, so that nothing in a test depends on neighbourhood by accident.
package struct RecipeSpace: FrameSpace {
  package var memory = SparseMemory()
  package var random: SplitMix64
  /// Runs of frames that are RAM, ascending.
  package let ram: [Range<UInt64>]
  package let name: String
  /// Frames that something stands in, and longer runs of such frames.
  package private(set) var used: Set<UInt64> = []
  package private(set) var blocks: [Range<UInt64>] = []
  /// Ranges to leave alone while there is room elsewhere.
  private var avoided: [Range<UInt64>] = []
  private static let longRun: UInt64 = 512

  package init(name: String, ram: [Range<UInt64>], seed: UInt64) {
    self.name = name
    self.ram = ram
    random = SplitMix64(seed: seed)
  }

  /// One past the highest frame of RAM.
  package var end: UInt64 { ram.last?.upperBound ?? 0 }

  package func isRAM(_ frame: UInt64) -> Bool { ram.contains { $0.contains(frame) } }

  package func isUsed(_ frame: UInt64) -> Bool { used.contains(frame) || blocks.contains { $0.contains(frame) } }

  package mutating func avoid(_ frames: Range<UInt64>) { avoided.append(frames) }

  /// Marks frames as used without asking whether they are free or RAM.
  package mutating func reserve(_ frames: Range<UInt64>) {
    if UInt64(frames.count) > RecipeSpace.longRun {
      blocks.append(frames)
    } else {
      used.formUnion(frames)
    }
  }

  /// Takes exactly this frame.
  package mutating func take(_ frame: UInt64, for purpose: String) throws(RecipeMistake) {
    guard isFree(frame..<frame + 1) else {
      throw RecipeMistake(line: 0, text: "\(name): frame \(String(frame, radix: 16)) for \(purpose) is taken or no RAM")
    }
    used.insert(frame)
  }

  /// The first of `count` neighbouring free frames, now used. `alignment` is in frames.
  package mutating func allocate(_ count: UInt64, alignment: UInt64) throws(RecipeMistake) -> UInt64 {
    let total = ram.reduce(0) { $0 + UInt64($1.count) }
    for _ in 0..<200 where total > 0 {
      var pick = random.below(total)
      for run in ram {
        if pick < UInt64(run.count) {
          let frame = (run.lowerBound + pick) / alignment * alignment
          if fits(frame..<frame + count, strict: true) { return claim(frame, count) }
          break
        }
        pick -= UInt64(run.count)
      }
    }
    for strict in [true, false] {
      for run in ram {
        var frame = (max(run.lowerBound, 256) + alignment - 1) / alignment * alignment
        while frame + count <= run.upperBound {
          if fits(frame..<frame + count, strict: strict) { return claim(frame, count) }
          frame += alignment
        }
      }
    }
    throw RecipeMistake(line: 0, text: "\(name): no room for \(count) frames")
  }

  private mutating func claim(_ frame: UInt64, _ count: UInt64) -> UInt64 {
    reserve(frame..<frame + count)
    return frame
  }

  private func fits(_ frames: Range<UInt64>, strict: Bool) -> Bool {
    guard frames.lowerBound >= 256 && isFree(frames) else { return false }
    return !strict || !avoided.contains { $0.overlaps(frames) }
  }

  private func isFree(_ frames: Range<UInt64>) -> Bool {
    guard ram.contains(where: { $0.lowerBound <= frames.lowerBound && frames.upperBound <= $0.upperBound }),
      !blocks.contains(where: { $0.overlaps(frames) })
    else { return false }
    if frames.count > used.count { return !used.contains { frames.contains($0) } }
    return !frames.contains { used.contains($0) }
  }
}

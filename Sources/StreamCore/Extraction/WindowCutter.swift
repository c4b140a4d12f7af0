import Synchronization

/// Cuts the host's frames into windows of no more extents than fit. It takes a walk of the maps to count the extents of
/// each step; steps and then single frames that alone hold too many take one walk more each.
struct WindowCutter {
  let maps: GuestMaps
  /// Extents of one window.
  let capacity: Int

  func windows() throws -> [ExtractionPlan.Window] {
    let steps = try steps(in: 0..<UInt64.max) { $0.host }
    return try cut(steps, window: { .init(frames: $0) }, crowded: windows(ofStep:))
  }

  /// How many extents of these host frames begin in each step, of host frames or of guest frames.
  private func steps(
    in frames: Range<UInt64>, of frame: @escaping @Sendable (Extent) -> UInt64
  ) throws -> [(range: Range<UInt64>, count: Int)] {
    let whole = Mutex(StepCounts())
    try maps.forEachExtent(in: .init(frames: frames)) { extents in
      whole.withLock { counts in for extent in extents { counts.add(1, at: frame(extent)) } }
    }
    var steps: [(range: Range<UInt64>, count: Int)] = []
    whole.withLock { $0.forEach { step, count in steps.append((step..<step + StepCounts.framesPerStep, count)) } }
    return steps
  }

  /// Joins neighbours for as long as they fit together.
  private func cut(
    _ parts: [(range: Range<UInt64>, count: Int)], window: (Range<UInt64>) -> ExtractionPlan.Window,
    crowded: (Range<UInt64>) throws -> [ExtractionPlan.Window]
  ) rethrows -> [ExtractionPlan.Window] {
    var windows: [ExtractionPlan.Window] = []
    var open: (range: Range<UInt64>, count: Int)?
    for part in parts {
      if let last = open, part.count <= capacity - last.count {
        open = (last.range.lowerBound..<part.range.upperBound, last.count + part.count)
        continue
      }
      if let last = open { windows.append(window(last.range)) }
      open = nil
      if part.count <= capacity { open = part } else { windows += try crowded(part.range) }
    }
    if let last = open { windows.append(window(last.range)) }
    return windows
  }

  private func windows(ofStep frames: Range<UInt64>) throws -> [ExtractionPlan.Window] {
    let whole = Mutex(Array(repeating: 0, count: frames.count))
    try maps.forEachExtent(in: .init(frames: frames)) { extents in
      whole.withLock { counts in
        for extent in extents {
          for frame in extent.host..<extent.host + extent.count { counts[Int(frame - frames.lowerBound)] += 1 }
        }
      }
    }
    let counts = whole.withLock { $0 }
    let parts = counts.enumerated().filter { $0.element > 0 }.map { index, count in
      (frames.lowerBound + UInt64(index)..<frames.lowerBound + UInt64(index) + 1, count)
    }
    return try cut(parts, window: { .init(frames: $0) }, crowded: windows(ofFrame:))
  }

  /// One frame that stands at more places than fit: the zero page, or what a guest made to look like it.
  private func windows(ofFrame frame: Range<UInt64>) throws -> [ExtractionPlan.Window] {
    let steps = try steps(in: frame) { $0.guest }
    let window = { (guestFrames: Range<UInt64>) in ExtractionPlan.Window(frames: frame, guestFrames: guestFrames) }
    // A step of guest frames holds at most 1024 a guest: that much is always taken.
    return cut(steps, window: window, crowded: { [window($0)] })
  }
}

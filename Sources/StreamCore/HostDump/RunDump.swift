/// A dump of raw pages in runs: where a frame's page lies follows from the run that has it.
protocol RunDump: HostDump {
  /// Frames whose bytes are in the file.
  var stored: FrameRuns { get }
  /// Frames whose bytes lie past the end of the file.
  var lost: FrameRuns { get }
  /// Frames of the memory that the dump tells of, in the file or not.
  var memory: FrameRuns { get }
}

extension RunDump {
  func presence(_ frame: UInt64) -> Presence {
    if stored.run(of: frame) != nil { return .stored }
    if lost.run(of: frame) != nil { return .lost }
    return memory.run(of: frame) == nil ? .unknown : .notStored
  }

  func presenceRun(_ frame: UInt64, limit: UInt64) -> (presence: Presence, end: UInt64) {
    if let run = stored.run(of: frame) { return (.stored, min(run.end, limit)) }
    var next = stored.begin(above: frame, limit: limit)
    if let run = lost.run(of: frame) { return (.lost, min(run.end, next)) }
    next = lost.begin(above: frame, limit: next)
    if let run = memory.run(of: frame) { return (.notStored, min(run.end, next)) }
    return (.unknown, memory.begin(above: frame, limit: next))
  }

  /// What is stored lies in the file.
  func forEachFault(in frames: Range<UInt64>, _ body: (UInt64, PageFault.Kind) throws -> Void) -> Int { 0 }

  func visit(
    _ frames: Range<UInt64>, page: (StoredPage) throws -> Void, fault: (PageFault) throws -> Void
  ) throws {
    var index = stored.firstIndex(endingAbove: frames.lowerBound)
    while index < stored.runs.count, stored.runs[index].start < frames.upperBound {
      let run = stored.runs[index]
      for frame in max(run.start, frames.lowerBound)..<min(run.end, frames.upperBound) {
        let offset = run.offset + (frame - run.start) * UInt64(pageSize)
        try page(StoredPage(frame: frame, offset: offset, size: UInt32(pageSize), codec: .raw))
      }
      index += 1
    }
  }
}

extension FrameRuns {
  /// Windows of frames that have bytes in the file. What lies in holes is zero, and a sparse file can have exabytes of
  /// it.
  func stretches(in file: InputFile) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for run in runs {
      // The window before is in already: go on behind it.
      var frame = max(run.start, result.last?.upperBound ?? 0)
      while frame < run.end {
        let place = run.offset + (frame - run.start) * UInt64(pageSize)
        guard let data = file.nextData(from: place) else { break }
        frame += (data - place) / UInt64(pageSize)
        guard frame < run.end else { break }
        let window = frame / HostDumpLimits.stretch * HostDumpLimits.stretch
        result.append(window..<window + HostDumpLimits.stretch)
        frame = window + HostDumpLimits.stretch
      }
    }
    return result
  }

  /// Frames of all runs.
  var frameCount: UInt64 { runs.reduce(0) { $0 + ($1.end - $1.start) } }
}

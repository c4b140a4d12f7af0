import Synchronization

/// A guest that is written, by its index, and what writes it.
struct GuestOutput: Sendable {
  let owner: Int
  let writer: any GuestDumpWriter
}

/// The single pass over the stored pages (Documentation/design.md §3.8): each page that a guest wants is read once,
/// passed through as stored or transcoded, and goes to every guest that maps it.
struct Extraction {
  let dump: any HostDump
  /// Host frames that are the kernel's zero pages.
  let zeroFrames: FrameBitmap
  /// Pages that the host's kernel keeps compressed; `nil`: no guest has any.
  let swapped: SwappedPages?
  let plan: ExtractionPlan
  let outputs: [GuestOutput]
  let target: PageCodec
  /// Pages stay as stored, whatever their codec, because input and output are of one codec.
  let keepsStored: Bool
  /// Decode every page that is passed through.
  let verifies: Bool
  /// For the steps in flight, bytes.
  let memory: UInt64
  let decoders: DecoderPool

  struct Outcome: Sendable {
    /// By the guests' indices.
    var tallies: [Int: GuestTally] = [:]
    var workers = 0
    var windows: Int
    /// Distinct host pages that were handed on.
    var pages: UInt64 = 0
    var transcoded: UInt64 = 0
    /// Compressed pages that went out without having been decoded.
    var passedUnread: UInt64 = 0
  }

  /// What one step has to write.
  private struct Job: Sendable {
    var writes: [PagePlacer.Write]
    var payload: [UInt8]
    var pages: UInt64
  }

  /// Bytes that a step takes: its pages as they go out, unless they are written from where they lie, and who wants
  /// them.
  private var stepSize: UInt64 {
    let lists: UInt64 = 256
    let page = keepsStored && dump.input.source.isMapped && swapped == nil ? 0 : UInt64(pageSize)
    return StepCounts.framesPerStep * (page + lists)
  }

  func run(workers: Workers, progress: Progress) throws -> Outcome {
    let waiting = memory / 8
    let inFlight = max(1, Int(clamping: (memory - waiting) / stepSize))
    let outcome = Mutex(Outcome(windows: plan.windows.count))
    let placer = Mutex(PagePlacer(outputs, memory: waiting))
    let encoders = EncoderPool(target)
    let zero = KnownZeroPage()
    for part in plan.windows {
      let steps = try plan.steps(of: part)
      let count = min(workers.count, max(1, steps.count), inFlight)
      let stage = OrderedStage<ExtractedStep, Job>(
        workers: count, inFlight: min(4 * count, inFlight), cancellation: workers.cancellation,
        threads: workers.threads,
        work: { _, index in
          try decoders.borrow { decoder in
            try encoders.borrow { encoder in
              var extracted = ExtractedStep(step: steps.step(index))
              try extracted.fill(
                from: dump, zeroFrames: zeroFrames, PageTransfer(self, decoder, encoder, zero))
              return extracted
            }
          }
        },
        order: { step in
          let writes = try placer.withLock { try $0.place(step, isPart: part.isPart) }
          outcome.withLock { $0.add(step) }
          return Job(writes: writes, payload: step.payload, pages: UInt64(step.results.count))
        },
        finish: { job in
          for write in job.writes { try put(write, payload: job.payload) }
          progress.advance(job.pages)
        })
      try stage.run(steps.count)
      outcome.withLock { $0.workers = max($0.workers, steps.count == 0 ? 0 : count) }
    }
    let rest = try placer.withLock { try $0.end() }
    try workers.forEach(rest.count) { _, index in try put(rest[index], payload: []) }
    return outcome.withLock { outcome in
      outcome.tallies = placer.withLock { $0.tallies }
      return outcome
    }
  }

  private func put(_ write: PagePlacer.Write, payload: [UInt8]) throws {
    try write.writer.write(
      GatheredBytes(write.pieces, input: dump.input.source, buffer: payload), at: write.offset)
  }
}

extension Extraction.Outcome {
  fileprivate mutating func add(_ step: ExtractedStep) {
    pages += UInt64(step.results.count)
    transcoded += step.transcoded
    passedUnread += step.passedUnread
  }
}

import Synchronization

/// The single pass over the stored pages (design §3.7): each page that a guest wants is read once, passed through as
/// stored or transcoded, and goes to every guest that maps it.
struct Extraction {
  let dump: any HostDump
  let plan: ExtractionPlan
  /// One writer a guest, by owner.
  let writers: [any GuestDumpWriter]
  let target: PageEncoding
  /// Pages stay as stored, whatever their codec, because input and output are of one codec.
  let keepsStored: Bool
  /// Decode every page that is passed through.
  let verifies: Bool
  /// For the steps in flight, bytes.
  let memory: UInt64
  let decoders: DecoderPool

  /// What the pass saw of one guest.
  struct Tally: Sendable {
    var zero: UInt64 = 0
    var lost: UInt64 = 0
    var bad: [BadGuestPage] = []
    var badCount: UInt64 = 0
  }

  struct Outcome: Sendable {
    var tallies: [Tally]
    var workers: Int
    /// Distinct host pages that were handed on.
    var pages: UInt64 = 0
    var transcoded: UInt64 = 0
    /// Compressed pages that went out without having been decoded.
    var passedUnread: UInt64 = 0
  }

  func run(workers: Workers, progress: Progress) throws -> Outcome {
    // A step holds its pages as read and as they go out.
    let window = max(1, Int(clamping: memory / 2 / (ExtractionPlan.framesPerStep * UInt64(pageSize) * 2)))
    let count = min(workers.count, max(1, plan.stepCount), window)
    let outcome = Mutex(
      Outcome(tallies: Array(repeating: Tally(), count: writers.count), workers: plan.stepCount == 0 ? 0 : count))
    let encoders = EncoderPool(target)
    progress.begin(.extract, total: UInt64(plan.stepCount))
    let stage = OrderedStage<Int, ExtractedStep>(
      workers: count, window: min(2 * count, window), cancellation: workers.cancellation,
      work: { _, index in
        try decoders.borrow { decoder in
          try encoders.borrow { encoder in
            let step = plan.step(index)
            var extracted = ExtractedStep(step: step)
            try extracted.fill(from: dump, PageTransfer(self, decoder, encoder))
            return extracted
          }
        }
      },
      sink: { extracted in
        try deliver(extracted, outcome)
        progress.advance(1)
      })
    try stage.run(0..<plan.stepCount)
    return outcome.withLock { $0 }
  }

  /// Hands one step's pages to the writers, guest by guest, in the order of the host's frames.
  private func deliver(_ step: ExtractedStep, _ outcome: borrowing Mutex<Outcome>) throws {
    var batches: [Int: OutputBatch] = [:]
    var placed: [Int: [Int: OutputPage.Content]] = [:]
    var tallies: [Int: Tally] = [:]
    for wish in step.wishes {
      let owner = wish.owner
      switch step.results[wish.page] {
      case .zero:
        batches[owner, default: OutputBatch()].pages.append(OutputPage(guestFrame: wish.guestFrame, content: .zero))
        tallies[owner, default: Tally()].zero += 1
      case .stored(let range, let encoding):
        let content: OutputPage.Content
        if let known = placed[owner]?[wish.page] {
          content = known
        } else {
          let start = batches[owner]?.payload.count ?? 0
          batches[owner, default: OutputBatch()].payload += step.payload[range]
          content = .stored(start: start, count: range.count, encoding: encoding)
          placed[owner, default: [:]][wish.page] = content
        }
        batches[owner, default: OutputBatch()].pages.append(OutputPage(guestFrame: wish.guestFrame, content: content))
      case .bad(let page):
        writers[owner].markBad(wish.guestFrame)
        tallies[owner, default: Tally()].badCount += 1
        tallies[owner, default: Tally()].bad.append(
          BadGuestPage(guestFrame: wish.guestFrame, offset: page.offset, reason: page.reason))
      case .lost:
        writers[owner].markBad(wish.guestFrame)
        tallies[owner, default: Tally()].lost += 1
      }
    }
    for owner in batches.keys.sorted() {
      if let batch = batches[owner] { try writers[owner].append(batch) }
    }
    let counted = tallies
    outcome.withLock {
      $0.pages += UInt64(step.results.count)
      $0.transcoded += step.transcoded
      $0.passedUnread += step.passedUnread
      for (owner, tally) in counted { $0.tallies[owner].add(tally) }
    }
  }
}

/// A bad page as a guest sees it.
struct BadGuestPage: Sendable, Equatable {
  var guestFrame: UInt64
  /// In the input, bytes.
  var offset: UInt64
  var reason: String
}

extension Extraction.Tally {
  fileprivate mutating func add(_ other: Self) {
    zero += other.zero
    lost += other.lost
    badCount += other.badCount
    // More than the manifest lists are counted only.
    bad += other.bad.prefix(max(0, Manifest.maximumBadRuns - bad.count))
  }
}

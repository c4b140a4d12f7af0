extension Manifest {
  /// Adds what the pass did to the guests that were written.
  mutating func add(
    _ outcome: Extraction.Outcome, of guests: [StreamCore.Guest], _ summaries: [OutputSummary], names: [String]
  ) {
    for (owner, guest) in guests.enumerated() {
      guard let index = self.guests.firstIndex(where: { $0.id == guest.id }) else { continue }
      let tally = outcome.tallies[owner]
      self.guests[index].pages.zero = tally.zero
      if tally.lost > 0 { self.guests[index].pages.absent[AbsentReason.lost.rawValue, default: 0] += tally.lost }
      self.guests[index].badPages = BadPages(count: tally.bad, runs: Self.runs(tally.faults))
      self.guests[index].checked = outcome.passedUnread == 0 ? "pages" : "descriptors"
      self.guests[index].output = Output(
        file: names[owner], format: summaries[owner].format, codec: summaries[owner].codec,
        bytes: summaries[owner].bytes)
    }
    counters["extract_workers"] = UInt64(outcome.workers)
    counters["extract_windows"] = UInt64(outcome.windows)
    counters["extract_pages"] = outcome.pages
    counters["extract_transcoded"] = outcome.transcoded
  }

  /// Neighbouring guest pages with one reason as one run; its offset is the first one's.
  private static func runs(_ pages: [FaultyPage]) -> [BadPages.Run] {
    var runs: [BadPages.Run] = []
    for page in pages.sorted(by: { $0.guestFrame < $1.guestFrame }) {
      if let last = runs.last, last.reason == page.reason, last.gpa.value >> 12 + last.count == page.guestFrame {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(
          .init(gpa: HexString(page.guestFrame << 12), count: 1, offset: page.offset, reason: page.reason))
      }
    }
    return Array(runs.prefix(maximumBadRuns))
  }
}

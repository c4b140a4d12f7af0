@testable import StreamCore
import Testing

/// What a child's end is taken for, and what a scheduler is told. Source: Documentation/nightly.md §5.
@Suite struct BatchResultTests {
  private static let manifest = #"{"schema":"vmcs-split-manifest-1","guests":[],"warnings":[]}"#

  @Test(
    arguments: [
      (0, "", .whole, .complete), (69, "vmcs-split: no sign of a guest", .no_guests, .complete),
      (65, "vmcs-split: d: bad", .unusable, .unusableInput),
      (66, "vmcs-split: d: open: x", .unreadable, .unusableInput),
      (70, "vmcs-split: a defect", .crashed, .unusableInput), (64, "vmcs-split: usage", .unusable, .unusableInput),
      (73, "vmcs-split: d: in use", .blocked, .ioFailed), (74, "vmcs-split: d: read: x", .io_error, .ioFailed),
      (74, "vmcs-split: o/g: pwrite: No space left on device", .no_room, .ioFailed),
      (73, "vmcs-split: o: mkdir: Disk quota exceeded", .no_room, .ioFailed), (143, "", .killed, .ioFailed),
    ] as [(Int32, String, BatchResult.Outcome, Status)])
  func everyStatusHasItsOutcome(status: Int32, line: String, outcome: BatchResult.Outcome, told: Status) {
    let end = ChildProcess.End(status: status, errors: Array("a line\n\(line)\n".utf8))
    let result = BatchResult(end, of: "d", manifest: BatchManifest(Array(Self.manifest.utf8)), isList: false)
    #expect(result.outcome == outcome)
    #expect(outcome.status == told)
    if line.hasPrefix("vmcs-split: d: ") { #expect(result.reason == String(line.dropFirst(15))) }
  }

  /// What a program does to itself, and what others do to it.
  @Test(
    arguments: [
      (4, .crashed), (5, .crashed), (6, .crashed), (11, .crashed), (9, .killed), (15, .killed),
    ] as [(Int32, BatchResult.Outcome)])
  func everySignalHasItsOutcome(signal: Int32, outcome: BatchResult.Outcome) {
    #expect(BatchResult(.init(status: nil, signal: signal), of: "d", isList: false).outcome == outcome)
  }

  /// What was done all the same is done.
  @Test(
    arguments: [
      (143, 0, .timed_out), (nil, 9, .timed_out), (74, 0, .timed_out), (0, 0, .whole), (69, 0, .timed_out),
    ] as [(Int32?, Int32, BatchResult.Outcome)])
  func aChildThatIsLateIsTriedAgainByTheNextRun(status: Int32?, signal: Int32, outcome: BatchResult.Outcome) {
    let end = ChildProcess.End(status: status, signal: signal, isLate: true)
    let result = BatchResult(end, of: "d", manifest: BatchManifest(Array(Self.manifest.utf8)), isList: false)
    #expect(result.outcome == outcome)
    #expect(!outcome.isRetried && (outcome.isFinal || outcome.status == .ioFailed && !outcome.isFinalForVersion))
  }

  @Test func aGuestWithoutAManifestIsNone() {
    #expect(BatchResult(.init(status: 0), of: "d", isList: false).outcome == .io_error)
  }

  @Test(
    arguments: [
      (#""guests":[]"#, nil), (#""guests":[{"pages":{"absent":{"filtered":0}}}]"#, nil),
      (#""guests":[{"pages":{"absent":{"filtered":2}}}]"#, "2 guest pages are not in the dump"),
      (#""guests":[{"bad_pages":{"count":3}}]"#, "3 are damaged"),
      (#""warnings":[{"code":"input"}]"#, nil),
      (#""warnings":[{"code":"forged"},{"code":"bad_pages"}]"#, "warnings of loss: bad_pages, forged"),
      (#""warnings":[{"code":"of a later version"}]"#, "warnings of loss: of a later version"),
      (#""guests":[{"pages":{"absent":{"a":18446744073709551615,"b":2}}}]"#, "1 guest pages are not in the dump"),
    ] as [(String, String?)])
  func aManifestSaysWhatIsMissing(keys: String, losses: String?) throws {
    let manifest = try #require(BatchManifest(Array("{\"schema\":\"vmcs-split-manifest-1\",\(keys)}".utf8)))
    #expect((manifest.hasLosses ? manifest.losses : nil) == losses)
  }

  @Test(arguments: ["", "{}", "[]", "{\"schema\":1}", "\0"])
  func whatIsNoManifestIsNone(text: String) {
    #expect(BatchManifest(Array(text.utf8)) == nil)
  }

  private func summary(_ outcomes: [BatchResult.Outcome]) -> BatchSummary {
    var summary = BatchSummary()
    summary.dumps = outcomes.enumerated().map { .init("\($0)", BatchResult($1, isList: false)) }
    return summary
  }

  @Test(
    arguments: [
      ([], .complete), ([.whole, .no_guests], .complete), ([.whole, .losses], .incomplete),
      ([.losses, .unusable], .unusableInput), ([.crashed], .unusableInput),
      ([.unusable, .io_error, .losses], .ioFailed), ([.no_room], .ioFailed), ([.interrupted], .ioFailed),
    ] as [([BatchResult.Outcome], Status)])
  func theWorstIsTold(outcomes: [BatchResult.Outcome], status: Status) {
    #expect(summary(outcomes).exitStatus == status)
  }

  @Test func aSourceThatIsNotThereIsTold() {
    var summary = summary([.whole])
    summary.unread = [.init(path: "a", why: "b")]
    #expect(summary.exitStatus == .unusableInput)
  }

  /// Source: Prometheus' text format: a HELP and a TYPE line before the samples of each name, no time stamps here.
  @Test func theTextfileIsWhatPrometheusReads() throws {
    var summary = summary([.whole, .losses, .unusable, .whole])
    summary.dumps[3].duplicateOf = "0"
    summary.dumps[0].guests = 3
    summary.dumps[0].isNew = true
    let lines = BatchTextfile.text(summary, status: .unusableInput, time: 99).split(separator: "\n").map(String.init)
    for expected in [
      #"vmcs_split_batch_dumps{outcome="whole"} 1"#, #"vmcs_split_batch_dumps{outcome="losses"} 1"#,
      #"vmcs_split_batch_dumps{outcome="duplicate"} 1"#, #"vmcs_split_batch_failures{reason="unusable"} 1"#,
      #"vmcs_split_batch_failures{reason="no_room"} 0"#, "vmcs_split_batch_guests 3", "vmcs_split_batch_new_dumps 1",
      "vmcs_split_batch_exit_status 65", "vmcs_split_batch_end_timestamp_seconds 99",
    ] {
      #expect(lines.contains(expected), "\(expected)")
    }
    var seen: Set<String> = []
    var described: [String] = []
    for line in lines {
      if line.hasPrefix("#") {
        let words = line.split(separator: " ").map(String.init)
        #expect(["HELP", "TYPE"].contains(words[1]))
        described.append(words[2])
        continue
      }
      let name = String(line.prefix { $0 != "{" && $0 != " " })
      #expect(described.suffix(2) == [name, name], "\(line)")
      #expect(seen.insert(String(line.prefix { $0 != " " })).inserted, "\(line)")
      #expect(Double(line.split(separator: " ").last ?? "") != nil, "\(line)")
    }
  }
}

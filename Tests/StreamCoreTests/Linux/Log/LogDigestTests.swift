import HostModel
import Testing

@testable import StreamCore

/// What a log says of its kernel.
@Suite struct LogDigestTests {
  private func digest(_ lines: [String]) throws -> LogDigest {
    var ring = HostModel.PrintkRing(countBits: 6, sizeBits: 14)
    for (time, text) in lines.enumerated() { ring.write(text, at: UInt64(time)) }
    return LogDigest(try LogSpace(ring).log())
  }

  private func text(_ line: LogDigest.Line?) -> String? { line.map { String(decoding: $0.text, as: UTF8.self) } }

  @Test func `panic, oops, lockups and hung tasks are found by how their lines begin`() throws {
    let digest = try digest([
      "INFO: task kworker/1:2:77 blocked for more than 120 seconds.", "INFO: task force is busy",
      "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [qemu:1]", "BUG: soft lockup - CPU#0 stuck for 23s! [a:2]",
      "BUG: kernel NULL pointer dereference, address: 0000000000000010", "Oops: 0002 [#1] PREEMPT SMP NOPTI",
      "Oops: 0000 [#2] PREEMPT", "INFO: task b:9 blocked for more than 120 seconds.",
      "Kernel panic - not syncing: Fatal exception", "Kernel panic - not syncing: again", "last",
    ])
    #expect(text(digest.panic) == "Kernel panic - not syncing: Fatal exception")
    #expect(digest.panic?.nanoseconds == 8)
    #expect(text(digest.oops) == "Oops: 0002 [#1] PREEMPT SMP NOPTI")
    #expect(digest.softLockups == 2 && digest.softLockup?.nanoseconds == 2)
    #expect(digest.hungTasks == 2 && digest.hungTask?.nanoseconds == 0)
    #expect(text(digest.last) == "last" && digest.end == digest.panic)
    #expect(digest.isWhole)
  }

  @Test func `other lines are none of it`() throws {
    let digest = try digest([
      "pci 0000:00:01.0: [#1 of 2]", "the Kernel panic - not syncing", "a [#] b", "c [#1", "Oops",
      "sched_clock: nothing",
      "kvm-clock: using sched offset of many cycles", "sched_clock: Marking stable ()->()",
    ])
    #expect(digest.panic == nil && digest.oops == nil && digest.softLockups == 0 && digest.hungTasks == 0)
    #expect(digest.pvclockOffset == nil && digest.stable == nil)
  }

  @Test func `what clocks are made of stands in two lines`() throws {
    let digest = try digest([
      "kvm-clock: using sched offset of 1464883120 cycles",
      "sched_clock: Marking stable (1870280900, 48397900)->(1992095800, -73417000)",
    ])
    #expect(digest.pvclockOffset == 1_464_883_120)
    #expect(digest.stable == .init(offset: -73_417_000, since: 1))
    #expect(!digest.isUnstable)
  }

  @Test func `a log that has lost its first lines is not whole, and long lines are cut`() throws {
    var ring = HostModel.PrintkRing(countBits: 2, sizeBits: 12)
    for time in 0..<UInt64(9) { ring.write(String(repeating: "z", count: 500), at: time) }
    let digest = LogDigest(try LogSpace(ring).log())
    #expect(!digest.isWhole)
    #expect(digest.last?.text.count == 160)
  }

  @Test func `of a log of very many records the first and the last are read`() throws {
    var ring = HostModel.PrintkRing(countBits: 6, sizeBits: 12)
    ring.write("kvm-clock: using sched offset of 77 cycles", at: 0)
    for time in 1..<UInt64(40) { ring.write(time == 20 ? "Oops: 0002 [#1]" : "line \(time)", at: time) }
    ring.write("Kernel panic - not syncing: end", at: 40)
    var buffer = LogBuffer(size: 4096)
    for time in 0..<UInt64(40) { buffer.write("line \(time)", at: time) }
    let log = try LogSpace(ring).log()
    let part = LogDigest(log, limit: 5)
    #expect(part.pvclockOffset == 77 && part.panic?.nanoseconds == 40 && part.oops == nil && !part.isWhole)
    let whole = LogDigest(log, limit: 41)
    #expect(whole.oops?.nanoseconds == 20 && whole.isWhole)
    let old = LogDigest(try LogSpace(buffer).log(), limit: 5)
    #expect(old.last?.nanoseconds == 4 && !old.isWhole)
  }
}

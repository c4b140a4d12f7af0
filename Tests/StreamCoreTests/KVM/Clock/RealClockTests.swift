import Foundation
import Testing

@testable import StreamCore

/// Clocks of real hosts, against what their consoles said while they ran.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealClockTests {
  private static func guests(_ name: String, _ file: String = "host.lzo.kdump") throws -> [Manifest.Guest] {
    let path = "\(KVMRealHost.folder ?? "")/\(name)/\(file)"
    return try Inspection.run(path: path, Inspection.Options(.list, workers: Workers(count: 2))).manifest().guests
  }

  /// "HOST 50.89 starting guest1" and the like: seconds since the host booted, by what follows the time.
  private static func console(_ name: String) throws -> [String: Double] {
    let path = "\(KVMRealHost.folder ?? "")/\(name)/truth/host/console.txt"
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    var times: [String: Double] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) where line.hasPrefix("HOST ")
    {
      let words = line.split(separator: " ", maxSplits: 2)
      if words.count == 3, let time = Double(words[1]) { times[String(words[2])] = time }
    }
    return times
  }

  /// Of new7, makedumpfile 1.7.2 has left out kernel memory with the users'.
  @Test(arguments: [
    ("haswell", "host.lzo.kdump"), ("stalled", "host.lzo.kdump"), ("new7", "host.lzo.kdump"),
    ("haswell", "host-d31.lzo.kdump"), ("stalled", "host-d31.lzo.kdump"), ("amd", "host.lzo.kdump"),
    ("amd", "host-d31.lzo.kdump"),
  ])
  func `each guest's clock began between its start and its being ready`(name: String, file: String) throws {
    let console = try Self.console(name)
    let guests = try Self.guests(name, file)
    #expect(guests.count == 3)
    for guest in guests {
      let began = Double(try #require(guest.clock?.began)) / 1e9
      let start = try #require(console["starting \(guest.name)"])
      let ready = try #require(console["\(guest.name) ready"])
      #expect(began > start && began < ready, "\(guest.name): \(start) \(began) \(ready)")
      // Its log began after its clock, and says so where its memory is there.
      guard file == "host.lzo.kdump" else { continue }
      let first = Double(try #require(guest.clock?.toHost)) / 1e9
      // Its VMM may have stopped it later, for at most so long.
      let stops = Double(try #require(guest.clock?.stops)) / 1e9
      #expect(first > began && first - stops < ready, "\(guest.name): \(first)")
      // An emulated AMD host's counter is not stable: within a second.
      #expect(try #require(guest.clock?.uncertainty) < (name == "amd" ? 1_000_000_000 : 100_000))
    }
  }

  @Test(arguments: ["haswell", "stalled", "nested"])
  func `the master clock is what KVM told each guest, within half a microsecond`(name: String) throws {
    let dump = try openHostDump(path: "\(KVMRealHost.folder ?? "")/\(name)/host.lzo.kdump")
    let word = try HostWord(dump.vmcoreinfo, HostMemory(dump)).completed()
    let host = try #require(try word.clock?.get())
    let tsc = try #require(host.crashTSC)
    let listed = try #require(word.listed)
    #expect(listed.vms.count >= 2)
    for vm in listed.vms {
      let clock = try #require(try vm.clock?.get())
      let time = try #require(clock.kvmclock(at: tsc, host))
      #expect(clock.master != nil && !clock.vcpus.isEmpty)
      for vcpu in clock.vcpus.values {
        let guest = try #require(vcpu.counter(at: tsc, fraction: host.fraction))
        let told = try #require(vcpu.pvclock).nanoseconds(at: guest)
        #expect((Int64(bitPattern: told) - time).magnitude < 500)
      }
    }
  }

  @Test(arguments: ["host.lzo.kdump", "host-d31.lzo.kdump"])
  func `the stalled guests have not run since they were stalled, and the healthy one has`(file: String) throws {
    let console = try Self.console("stalled")
    let dump = try openHostDump(path: "\(KVMRealHost.folder ?? "")/stalled/\(file)")
    let log = try #require(try HostWord(dump.vmcoreinfo, HostMemory(dump)).completed().log)
    let crash = Double(try #require(log.panic).nanoseconds) / 1e9
    // The console's clock is the monotonic one, 0.133 s behind the log's.
    let stalls = ["guest1": console["STALL fifo guest1 hog 607"], "guest2": console["STALL freeze guest2 hog 607"]]
    for guest in try Self.guests("stalled", file) {
      let idle = Double(try #require(guest.state?.notRunFor)) / 1e9
      guard let stall = stalls[guest.name] else {
        #expect(idle < 0.5, "\(guest.name)")
        continue
      }
      #expect(abs(idle - (crash - 0.133 - (try #require(stall)))) < 0.5, "\(guest.name): \(idle)")
    }
  }

  @Test func `a host whose kernel has no types does not tell its guests' clocks, and their logs are there`() throws {
    for guest in try Self.guests("mini") {
      #expect(guest.clock?.toHost == nil && guest.clock?.unknown != nil)
      #expect(try #require(guest.state?.lastLine).time > 1_000_000_000)
    }
  }
}

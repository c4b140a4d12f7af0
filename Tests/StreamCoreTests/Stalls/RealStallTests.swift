import Foundation
import Testing

@testable import StreamCore

/// vCPUs of real hosts, against what was noted while they ran.
@Suite(.enabled(if: KVMRealHost.isThere, "VMCS_SPLIT_DUMPS names no folder"))
struct RealStallTests {
  private static let second: Double = 1_000_000_000

  private func path(_ host: String, _ file: String) -> String { (KVMRealHost.folder ?? "") + "/\(host)/\(file)" }

  private func text(_ host: String, _ file: String) throws -> String {
    try String(contentsOfFile: path(host, "truth/" + file), encoding: .utf8)
  }

  private func report(_ host: String, _ file: String) throws -> StallReport {
    let options = Inspection.Options(.list, workers: Workers(count: 2))
    let report = try Inspection.run(path: path(host, file), options).stalls()
    let faults = try StallSchema.schema().faults(in: Data(try report.json()))
    #expect(faults == [])
    return report
  }

  private func vcpu(_ guest: String, _ report: StallReport) throws -> StallReport.VCPU {
    try #require(report.guests.first { $0.name == guest }?.vcpus.first)
  }

  // MARK: The host whose guests stood still

  /// Seconds of the console's clock at which something was done to a guest. That clock is the monotonic one, in whole
  /// hundredths; what it is behind the scheduler's is in the console, too, by the panic.
  private func stall(_ what: String) throws -> Double {
    let line = try #require(
      try text("stalled", "host/console.txt").split(whereSeparator: \.isNewline).first { $0.contains(what) })
    let words = line.split(separator: " ")
    return try #require(Double(words[1])) + 0.133
  }

  @Test(arguments: ["host.lzo.kdump", "host-d31.lzo.kdump", "host-d17.zlib.kdump", "vmcore.elf"])
  func eachGuestThatStoodStillIsNamedWithItsCulprit(file: String) throws {
    let report = try report("stalled", file)
    let instant = try #require(report.instant)
    #expect(instant.cpu == 0 && instant.isPanic && abs(Double(instant.clock) / Self.second - 192.639) < 0.1)
    #expect(report.suspects.map(\.guest) == report.guests.filter { $0.name != "guest3" }.map(\.id))
    let texts = report.suspects.map(\.text)
    #expect(texts.contains("vCPU 0 of guest1: runnable on CPU 1 for 22.4 s behind hog (pid 607, FIFO 50)"))
    #expect(texts.contains("vCPU 0 of guest2: frozen by control group /guest2, has not run for 22.0 s"))
    for (guest, what) in [("guest1", "STALL fifo guest1"), ("guest2", "STALL freeze guest2")] {
      let lasted = Double(instant.clock) / Self.second - (try stall(what))
      let duration = try #require(try vcpu(guest, report).conclusion.duration)
      #expect(abs(Double(duration) / Self.second - lasted) < 0.5, "\(guest)")
    }
    let healthy = try vcpu("guest3", report)
    #expect(!healthy.conclusion.isSuspect && healthy.conclusion.verdict == "runnable")
    #expect(report.cpus.map(\.ranOn).map { ($0 ?? 0) > 1_900_000_000 } == [false, true])
    #expect(report.missing == [] && report.exitStatus == .complete)
  }

  /// Run delays and counts of the threads that did not run any more.
  @Test func delaysAndCountsAreThoseOfProc() throws {
    let report = try report("stalled", "host.lzo.kdump")
    for guest in report.guests {
      let blocks = try text("stalled", "\(guest.name)/threads.txt").components(separatedBy: "== ").dropFirst()
      let threads = guest.vcpus.compactMap(\.thread) + guest.threads
      #expect(threads.count == blocks.count)
      for block in blocks {
        let lines = block.split(separator: "\n")
        let tid = try #require(lines[0].split(separator: " ").first.flatMap { UInt64($0) })
        let thread = try #require(threads.first { $0.tid == tid })
        let wanted = lines[2].split(separator: " ").compactMap { UInt64($0) }
        let found = [thread.runtime?.value, thread.runDelay?.value, thread.runs?.value].compactMap { $0 }
        let mask = try #require(lines[0].split(separator: ":").last).trimmingCharacters(in: .whitespaces)
        #expect(thread.allowed == ["1": "0", "2": "1", "3": "0-1"][mask])
        if guest.name == "guest3" && thread.comm == "CPU 0/KVM" {
          // It ran on.
          #expect(zip(found, wanted).allSatisfy { $0 >= $1 })
        } else {
          #expect(found == wanted, "thread \(tid) of \(guest.name)")
        }
      }
    }
  }

  /// When KVM saw a vCPU leave its CPU, by the counter: the moment that the scheduler noted.
  @Test(arguments: ["stalled", "haswell", "nested", "new7"])
  func theCounterAndTheSchedulerAgree(host: String) throws {
    let report = try report(host, "host.lzo.kdump")
    let found = report.guests.flatMap(\.vcpus).filter { $0.thread != nil && $0.conclusion.verdict != "paused" }
    let away = found.filter { !["in_guest", "on_cpu"].contains($0.conclusion.verdict) }
    for vcpu in away {
      let left = try #require(vcpu.left?.value)
      let start = try #require(vcpu.thread?.execStart?.value)
      #expect(max(left, start) - min(left, start) < 5_000_000, "\(host)")
    }
    #expect(host != "stalled" || away.count == 3)
  }

  /// Addresses of code back to the names of functions, the kernel's and its modules'.
  @Test(arguments: ["haswell", "new7", "amd"])
  func codeIsNamedByItsAddress(host: String) throws {
    let options = Inspection.Options(.list, workers: Workers(count: 2))
    let inspection = try Inspection.run(path: path(host, "host.lzo.kdump"), options)
    let kernel = try #require(inspection.word.described)
    let bounds = kernel.symbols.addresses(of: ["_stext", "_etext"])
    let text = try #require(bounds["_stext"]).rawValue..<#require(bounds["_etext"]).rawValue
    for name in ["schedule", "do_exit", "wake_up_process", "vfs_read"] {
      let address = try kernel.symbol(name)
      #expect(kernel.function(at: address &+ 9, text: text) == NearestSymbol(name: name, offset: 9))
    }
    let modules = ModuleORC(kernel, ORCTable(kernel))
    for name in ["kvm_vcpu_block", "kvm_put_kvm"] {
      let address = try kernel.symbol(name, of: "kvm")
      // Where a function begins nothing but the return address is on its stack.
      let rule = try #require(modules.rule(at: address.rawValue))
      #expect(rule == .init(register: .sp, offset: 8, savedBP: .same))
      #expect(kernel.function(at: address &+ 9, text: text) == NearestSymbol(name: "\(name) [kvm]", offset: 9))
    }
    #expect(kernel.function(at: VirtualAddress(rawValue: 0xffff_8880_0000_1000), text: text) == nil)
  }

  // MARK: Healthy hosts

  /// Nobody is accused; a vCPU of a VM that was stopped is paused, the busy one is on a CPU.
  @Test(arguments: ["haswell", "nested", "new7", "amd"], ["host.lzo.kdump", "host-d17.zlib.kdump"])
  func nobodyIsAccusedOfAHealthyHost(host: String, file: String) throws {
    let report = try report(host, file)
    #expect(report.suspects.isEmpty)
    #expect(report.instant?.isPanic == true)
    for guest in report.guests {
      let folder = "\(guest.name)/"
      let tids = Set(
        try text(host, folder + "qemu-tids.txt").split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) })
      #expect(guest.vcpus.allSatisfy { tids.contains($0.thread?.tid ?? 0) }, "\(guest.name)")
      #expect(guest.threads.contains { $0.tid == guest.pid })
      let isBusy = guest.name == "guest3"
      for vcpu in guest.vcpus {
        #expect(
          isBusy ? ["in_guest", "on_cpu"].contains(vcpu.conclusion.verdict) : vcpu.conclusion.verdict == "paused")
        #expect(isBusy || vcpu.thread?.waitChannel?.way == "orc")
        #expect(isBusy || vcpu.thread?.waitChannel?.function.hasPrefix("futex_") == true)
      }
    }
  }

  /// An NMI stops a CPU that is in a guest: its exit is the last.
  @Test func theBusyGuestsWereInTheirGuests() throws {
    let intel = try vcpu("guest3", report("haswell", "host.lzo.kdump"))
    #expect(intel.conclusion.verdict == "in_guest" && intel.exitReason?.value == "EXCEPTION_NMI")
    let amd = try vcpu("guest3", report("amd", "host.lzo.kdump"))
    #expect(amd.conclusion.verdict == "in_guest" && amd.exitReason?.value == "NMI")
  }

  /// The dump lacks pages of the kernel: what is left accuses nobody, and what is lost is said.
  @Test func holesInTheKernelAccuseNobody() throws {
    let report = try report("new7", "host-d31.lzo.kdump")
    #expect(report.suspects.isEmpty && report.exitStatus == .incomplete)
  }

  /// A kernel without types: the exit and the CPU by what content led to.
  @Test func aHostWithoutTypesTellsWhatItsStructuresTell() throws {
    let report = try report("mini", "host.lzo.kdump")
    #expect(report.suspects.isEmpty && report.exitStatus == .incomplete && report.instant == nil)
    #expect(report.unknown["scheduler"] == "the kernel describes no types")
    let vcpus = report.guests.flatMap(\.vcpus)
    #expect(vcpus.count == 4)
    #expect(vcpus.allSatisfy { $0.exitReason != nil && $0.hostCpu != nil && $0.conclusion.verdict == "unknown" })
  }
}

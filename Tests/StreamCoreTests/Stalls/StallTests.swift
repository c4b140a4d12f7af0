import Foundation
import HostModel
import HostRecipes
import Testing

@testable import StreamCore

/// Why guests of generated hosts stood still.
@Suite struct StallTests {
  static let kernels = ["4.18 builtin", "5.10 builtin", "5.14", "6.1", "6.1 builtin", "6.12", "7.3"]
  private static let second: UInt64 = 1_000_000_000

  private static func recipe(_ kernel: String = "6.1") -> String {
    let words = kernel.split(separator: " ")
    let rest = words.dropFirst().joined(separator: " ")
    return """
      host ram 64M cpus 2 kernel \(words[0]) symbols types \(rest)
      guest web ram 0-2M nolinux
        cgroup /machine/web
        vcpu stopped
        vcpu stopped
      """
  }

  /// CPU 0 panics at 100 s; CPU 1 runs on to 102 s.
  private static func host(_ kernel: String = "6.1") throws -> ScheduledHost {
    var host = try ScheduledHost(recipe(kernel))
    let panicking = try host.add("sh", pid: 7)
    host.set(panicking) {
      $0.onCPU = true
      $0.arrival = 99 * second
    }
    host.run(panicking, on: 0, at: 100 * second)
    host.run(try host.add("other", pid: 8), on: 1, at: 102 * second)
    host.panic(on: 0)
    for vcpu in 0..<2 { host.set(host.thread("web", vcpu)) { $0.runs(for: 99 * second) } }
    host.set(host.leader("web")) { $0.sleeps(since: 1 * second) }
    return host
  }

  private func report(_ host: BuiltHost, _ files: GivenFiles? = nil) throws -> StallReport {
    let directory = try RecipeDirectory()
    let path = try directory.write(host.kdump(.lzo), as: "host.dump")
    var options = Inspection.Options(.list, workers: Workers(count: 2))
    if let files { options.symbols = try files.open() }
    let inspection = try Inspection.run(path: path, options)
    let report = try inspection.stalls()
    let faults = try StallSchema.schema().faults(in: Data(try report.json()))
    #expect(faults == [])
    return report
  }

  private func report(_ host: ScheduledHost) throws -> StallReport { try report(host.host) }

  private func vcpu(_ report: StallReport, _ index: Int = 0) throws -> StallReport.VCPU {
    try #require(report.guests.first?.vcpus[index])
  }

  // MARK: Runnable

  @Test(arguments: kernels)
  func aVCPUBehindAFIFOThreadIsNamedWithIt(kernel: String) throws {
    var host = try Self.host(kernel)
    let hog = try host.add("hog", pid: 607)
    host.set(hog) {
      $0.onCPU = true
      $0.policy = 1
      $0.realtimePriority = 50
      $0.cpu = 1
      $0.arrival = 78 * Self.second
    }
    let thread = host.thread("web")
    host.set(thread) {
      $0.cpu = 1
      $0.arrival = 77 * Self.second
      $0.queued = 77_600_000_000
      $0.lastStart = 77_600_000_000
      $0.delay = 18_018_832_200
      $0.runs = 3505
    }
    host.run(hog, on: 1, at: 102 * Self.second, waiting: [thread])
    let report = try report(host)
    #expect(report.instant?.clock == 100 * Self.second && report.instant?.cpu == 0 && report.instant?.isPanic == true)
    #expect(
      report.suspects.map(\.text) == ["vCPU 0 of web: runnable on CPU 1 for 22.4 s behind hog (pid 607, FIFO 50)"])
    #expect(report.suspects[0].duration == 22_400_000_000 && report.suspects[0].vcpu == 0)
    let vcpu = try vcpu(report)
    #expect(vcpu.thread?.runDelay?.value == 18_018_832_200 && vcpu.thread?.runs?.value == 3505)
    #expect(vcpu.thread?.runDelay?.source == "task_struct.sched_info.run_delay")
    #expect(vcpu.thread?.allowed == "0-1" && vcpu.thread?.cgroup == "/machine/web")
    let cpu = try #require(report.cpus.last)
    #expect(cpu.ranOn == 2 * Self.second && cpu.running?.value == 2 && cpu.current?.comm == "hog")
    #expect(cpu.waiting.map(\.tid) == [303])
    #expect(report.missing == [] && report.exitStatus == .complete)
  }

  /// CPU 1 runs on while the host is being stopped: what waits there meanwhile has not waited.
  @Test func whatWaitsAfterThePanicIsNotAccused() throws {
    var host = try Self.host()
    host.set(host.thread("web")) {
      $0.cpu = 1
      $0.queued = 99_950_000_000
    }
    host.set(host.thread("web", 1)) {
      $0.cpu = 1
      $0.queued = 100_500_000_000
    }
    let report = try report(host)
    #expect(report.suspects.isEmpty)
    #expect(try vcpu(report).conclusion.duration == 50_000_000)
    #expect(try vcpu(report, 1).conclusion.duration == 0)
    #expect(try vcpu(report).conclusion.text == "runnable on CPU 1 for 0.05 s behind other (pid 8, OTHER)")
  }

  @Test func theLimitIsOneSecond() throws {
    for (wait, isSuspect) in [(Self.second - 1, false), (Self.second, true)] {
      var host = try Self.host()
      host.set(host.thread("web")) { $0.queued = 100 * Self.second - wait }
      #expect(try vcpu(report(host)).conclusion.isSuspect == isSuspect)
    }
  }

  /// Without a panicking CPU, and where that slept, no wait is said to be longer than it was.
  @Test func theInstantIsNeverTooLate() throws {
    var host = try Self.host()
    host.panic(on: 0xffff_ffff)
    let unknown = try report(host)
    #expect(unknown.instant?.clock == 100 * Self.second && unknown.instant?.isPanic == false)
    host.panic(on: 1)
    let idle = host.host.kernel.image + BuiltKernel.DataPlace.initTask
    host.run(idle, on: 1, at: 40 * Self.second, isIdle: true)
    let slept = try report(host)
    #expect(slept.instant?.clock == 100 * Self.second && slept.instant?.cpu == 0 && slept.instant?.isPanic == false)
  }

  // MARK: Control groups

  @Test(arguments: kernels.filter { !$0.hasPrefix("4.18") })
  func aFrozenGuestIsNamedWithTheGroupThatWasTold(kernel: String) throws {
    for byParent in [false, true] {
      var host = try Self.host(kernel)
      for vcpu in 0..<2 {
        host.set(host.thread("web", vcpu)) {
          $0.state = 1
          $0.isFrozen = true
          $0.isOnQueue = false
          $0.lastStart = 78 * Self.second
        }
      }
      // Kernels before 6 of the model have no unified hierarchy but its root.
      let hasGroups = host.scheduler.shape.hasFrozenState
      guard hasGroups || !byParent else { continue }
      let group = hasGroups ? (byParent ? "/machine" : "/machine/web") : "/"
      host.freeze(host.thread("web"), byParent: byParent)
      let report = try report(host)
      #expect(
        report.suspects.map(\.text)
          == (0..<2).map { "vCPU \($0) of web: frozen by control group \(group), has not run for 22.0 s" })
      #expect(try vcpu(report).thread?.freeze?.source == "cgroup.freezer.e_freeze")
    }
  }

  /// The kernel notes it on its monotonic clock, which is behind that of the run queues.
  @Test func theBeginningOfAFreezeIsToldOnTheRunQueuesClock() throws {
    let time = "clock 50000 0 0\ntimekeeping hpet 5 100000000000 100000000000 133000000\nguest web"
    var host = try ScheduledHost(Self.recipe("7.3").replacing("guest web", with: time))
    host.panic(on: 0)
    host.run(try host.add("sh", pid: 7), on: 0, at: 100 * Self.second)
    host.set(host.thread("web")) {
      $0.state = 1
      $0.isFrozen = true
      $0.lastStart = 78 * Self.second
    }
    host.freeze(host.thread("web"), since: 77_900_000_000)
    let freeze = try #require(try vcpu(report(host)).thread?.freeze)
    #expect(freeze.since?.value == 77_900_000_000 && freeze.began?.value == 78_033_000_000)
    #expect(freeze.began?.uncertainty == KeptTime.tick + 22_100_000_000 / 2_000)
    #expect(freeze.began?.source == "cgroup.freezer.freeze_start_nsec by tk_fast_mono")
    // Without what the kernel kept it is not told.
    host.freeze(host.thread("web"))
    #expect(try vcpu(report(host)).thread?.freeze?.began == nil)
  }

  @Test(arguments: kernels)
  func aGroupOfTheOlderHierarchyFreezesToo(kernel: String) throws {
    var host = try Self.host(kernel)
    let thread = host.thread("web")
    let state: UInt64 = host.scheduler.shape.hasFrozenState ? 0x8000 : 2
    let flags: UInt64 = host.scheduler.shape.hasFrozenState ? 0 : 0x10000
    host.set(thread) {
      $0.state = state
      $0.flags = flags
      $0.isOnQueue = false
      $0.lastStart = 90 * Self.second
    }
    try host.freezeLegacy(thread)
    let report = try report(host)
    #expect(
      report.suspects.map(\.text)
        == ["vCPU 0 of web: frozen by control group /machine/web, has not run for 10.0 s"])
    #expect(try vcpu(report).thread?.freeze?.source == "freezer.state")
  }

  /// cpu.max and cpu.cfs_quota_us are the same to the scheduler.
  @Test(arguments: kernels)
  func aThrottledVCPUIsNamedWithItsQuota(kernel: String) throws {
    var host = try Self.host(kernel)
    let thread = host.thread("web")
    host.set(thread) {
      $0.cpu = 1
      $0.queued = 97 * Self.second
    }
    try host.limit(thread, to: 10_000_000, throttledOn: 1, since: 97 * Self.second)
    let report = try report(host)
    let group = host.scheduler.shape.hasFrozenState ? "/machine/web" : "/"
    #expect(
      report.suspects.map(\.text) == [
        "vCPU 0 of web: throttled on CPU 1 by the quota of control group \(group) (10 ms in each 100 ms), waits for 3.0 s"
      ])
    let quota = try #require(try vcpu(report).thread?.quotas.first)
    #expect(quota.isThrottled && quota.quota.value == 10_000_000 && quota.period?.value == 100_000_000)
    #expect(quota.periods?.value == 40 && quota.throttledPeriods?.value == 30)
    #expect(quota.since?.value == 97 * Self.second)
  }

  /// A quota alone is no reason, nor is a throttled group on another CPU.
  @Test func aGroupThatIsThrottledElsewhereIsNoReason() throws {
    var host = try Self.host()
    let thread = host.thread("web")
    host.set(thread) {
      $0.cpu = 1
      $0.queued = 97 * Self.second
    }
    try host.limit(thread, to: 10_000_000, throttledOn: 0)
    #expect(try vcpu(report(host)).conclusion.verdict == "runnable")
  }

  // MARK: Blocked and sleeping

  @Test(arguments: kernels)
  func aVCPUInDStateIsNamedWithWhatItWaitsIn(kernel: String) throws {
    var host = try Self.host(kernel)
    host.set(host.thread("web")) {
      $0.state = 2
      $0.isOnQueue = false
      $0.lastStart = 70 * Self.second
    }
    host.sleep("web", in: ["folio_wait_bit_common", "do_syscall_64"])
    let report = try report(host)
    #expect(
      report.suspects.map(\.text) == ["vCPU 0 of web: blocked (D) for 30.0 s in folio_wait_bit_common"])
    let channel = try #require(try vcpu(report).thread?.waitChannel)
    #expect(channel.way == "orc")
    #expect(channel.stack == ["__schedule", "schedule", "folio_wait_bit_common", "do_syscall_64"])
  }

  /// Modules have tables of their own, in which their code is looked up.
  @Test(arguments: ["5.14", "6.1", "6.12", "7.3"])
  func aStackLeadsThroughAModulesCode(kernel: String) throws {
    var host = try Self.host(kernel)
    host.set(host.thread("web")) { $0.sleeps(since: 50 * Self.second) }
    host.sleep("web", in: ["kvm_vcpu_halt [kvm]", "do_syscall_64"])
    let report = try report(host)
    #expect(report.suspects.isEmpty)
    let vcpu = try vcpu(report)
    let channel = try #require(vcpu.thread?.waitChannel)
    #expect(channel.way == "orc" && channel.function == "kvm_vcpu_halt [kvm]")
    #expect(channel.stack == ["__schedule", "schedule", "kvm_vcpu_halt [kvm]", "do_syscall_64"])
    #expect(vcpu.conclusion.verdict == "halted")
  }

  @Test func theHolderOfAMutexIsNamedWhereTheKernelNotesIt() throws {
    var host = try Self.host("7.3")
    host.set(host.thread("web")) {
      $0.state = 2
      $0.lastStart = 70 * Self.second
    }
    try host.block(host.thread("web"), heldBy: try host.add("kworker/1:1", pid: 26))
    #expect(
      try report(host).suspects.map(\.text)
        == ["vCPU 0 of web: blocked (D) for 30.0 s, which kworker/1:1 (pid 26) holds"])
  }

  /// Its vCPUs wait for the VMM, whose main loop has nothing to do: the VM is stopped, and nobody is to blame.
  @Test(arguments: kernels)
  func aStoppedVMIsNoSuspect(kernel: String) throws {
    var host = try Self.host(kernel)
    for vcpu in 0..<2 {
      host.set(host.thread("web", vcpu)) { $0.sleeps(since: 50 * Self.second) }
      host.sleep("web", vcpu, in: ["futex_wait_queue", "do_syscall_64"])
    }
    host.sleepLeader(of: "web", in: ["do_sys_poll", "do_syscall_64"])
    let paused = try report(host)
    #expect(paused.suspects.isEmpty)
    #expect(try vcpu(paused).conclusion.text == "paused by its VMM for 50.0 s")
    // A main loop that is stuck is the suspect itself.
    host.set(host.leader("web")) {
      $0.state = 2
      $0.lastStart = 60 * Self.second
    }
    host.sleepLeader(of: "web", in: ["folio_wait_bit_common", "do_syscall_64"])
    let stuck = try report(host)
    #expect(
      stuck.suspects.map(\.text)
        == ["thread qemu-system-x86 (pid 300) of web: blocked (D) for 40.0 s in folio_wait_bit_common"])
    #expect(try vcpu(stuck).conclusion.verdict == "sleeping")
  }

  /// A dump without names has those of the kernel's file.
  @Test(arguments: ["6.1", "7.3"])
  func functionsHaveTheNamesOfAGivenFile(kernel: String) throws {
    var host = try ScheduledHost(Self.recipe(kernel).replacing("symbols types", with: "types"))
    host.run(try host.add("sh", pid: 7), on: 0, at: 100 * Self.second)
    host.panic(on: 0)
    host.set(host.thread("web")) { $0.sleeps(since: 50 * Self.second) }
    host.sleep("web", in: ["futex_wait_queue", "do_syscall_64"])
    let report = try report(host.host, try GivenFiles(of: host.host))
    let channel = try #require(try vcpu(report).thread?.waitChannel)
    #expect(channel.stack == ["__schedule", "schedule", "futex_wait_queue", "do_syscall_64"])
    #expect(channel.function == "futex_wait_queue")
  }

  /// Since 6.12 a task that sleeps can stay in its queue (`sched_delayed`).
  @Test func aSleeperThatIsStillQueuedSleeps() throws {
    var host = try Self.host("6.12")
    host.set(host.thread("web")) {
      $0.state = 1
      $0.isOnQueue = true
      $0.lastStart = 50 * Self.second
    }
    host.sleep("web", in: ["kvm_vcpu_block", "do_syscall_64"])
    let report = try report(host)
    #expect(report.suspects.isEmpty)
    #expect(try vcpu(report).conclusion.verdict == "halted")
  }

  @Test func aVCPUThatRunsIsNoSuspect() throws {
    let report = try report(try Self.host())
    #expect(report.suspects.isEmpty)
    #expect(try vcpu(report).conclusion.verdict == "on_cpu")
  }

  /// SIGSTOP, and a debugger.
  @Test func whoIsStoppedIsNamed() throws {
    for (state, text) in [(4, "stopped by a signal"), (8, "held by a tracer")] as [(UInt64, String)] {
      var host = try Self.host()
      host.set(host.thread("web")) {
        $0.state = state
        $0.lastStart = 95 * Self.second
      }
      #expect(try report(host).suspects.map(\.text) == ["vCPU 0 of web: \(text), has not run for 5.0 s"])
    }
  }

  @Test func theWorstComesFirst() throws {
    var host = try Self.host()
    host.set(host.thread("web")) { $0.queued = 98 * Self.second }
    host.set(host.thread("web", 1)) { $0.queued = 90 * Self.second }
    #expect(try report(host).suspects.map(\.vcpu) == [1, 0])
  }

  // MARK: Hostile hosts

  /// Lists that end nowhere, groups above themselves, wild pointers: what is left is told, and nothing hangs.
  @Test func damageCostsWhatItHitsAndNoMore() throws {
    var host = try Self.host()
    let thread = host.thread("web")
    host.set(thread) {
      $0.cpu = 1
      $0.queued = 90 * Self.second
    }
    let other = try host.add("loop", pid: 30)
    host.set(other) { $0.cpu = 1 }
    host.run(try host.add("hog", pid: 9), on: 1, at: 102 * Self.second, waiting: [thread, other])
    // The queue's list goes in a circle that does not pass its head.
    let node = host.scheduler.queueNodePlace
    host.store(host.host.kernel.virtual(thread + node), at: other + node)
    // The control groups stand nowhere.
    host.store(0xdead_beef_0000, at: thread + host.scheduler.groupsPlace)
    // A task group that is its own parent.
    let page = try host.limitless(thread)
    host.store(host.host.kernel.virtual(page), at: page + host.scheduler.groupParentPlace)
    let report = try report(host)
    #expect(report.suspects.map(\.text) == ["vCPU 0 of web: runnable on CPU 1 for 10.0 s behind hog (pid 9, OTHER)"])
    #expect(report.cpus[1].cut != nil && report.cpus[1].waiting.map(\.tid) == [303, 30])
    #expect(try vcpu(report).thread?.cgroup == nil && vcpu(report).thread?.quotas.count == 0)
  }

  /// Every word of the structures in turn is all ones, or a random kernel address.
  @Test func noWordOfATaskOrAQueueTraps() throws {
    var random = SplitMix64(seed: 22)
    let base = try Self.host("6.1")
    for round in 0..<24 {
      var host = base
      let places = [host.thread("web"), host.scheduler.queue(1), host.leader("web")]
      for _ in 0..<6 {
        let place = places[Int(random.below(3))] + random.below(560) * 8
        let value: UInt64 = round % 2 == 0 ? .max : host.host.kernel.virtual(random.below(64 << 20) & ~7)
        host.store(value, at: place)
      }
      // It may be known to be no host of that kind any more, which is an answer, too.
      do { _ = try report(host) } catch is Failure {}
    }
  }

  /// The program's exit status, and its line where the answer is not whole.
  @Test func theToolSaysWhetherItsAnswerIsWhole() throws {
    let directory = try RecipeDirectory()
    let tool = try BuiltTool()
    let whole = try directory.write(try Self.host().host.kdump(.lzo, level: 31), as: "whole")
    let outcome = try tool.run(["vcpus", whole], in: directory)
    #expect(outcome.status == 0 && outcome.messages.isEmpty)
    let recipe = "host ram 64M kernel 6.1 symbols\nguest web ram 0-2M nolinux\n  vcpu halted"
    let silent = try directory.write(try HostRecipe(recipe).build().kdump(.lzo), as: "silent")
    for words in [["vcpus", silent], ["vcpus", "--json", "-q", silent]] {
      let outcome = try tool.run(words, in: directory)
      #expect(outcome.status == 1)
      #expect(
        outcome.messages
          == "vmcs-split: incomplete: the scheduler is not known: the kernel describes no types; --json says what\n")
    }
  }

  /// A tenant's names are escaped, in the document and in sentences.
  @Test func hostileNamesMoveNoCursor() throws {
    var host = try Self.host()
    let hog = try host.add("\u{1b}[31mred\n", pid: 607)
    host.set(host.thread("web")) {
      $0.cpu = 1
      $0.queued = 80 * Self.second
    }
    host.run(hog, on: 1, at: 102 * Self.second)
    let report = try report(host)
    #expect(
      report.suspects.map(\.text) == [
        #"vCPU 0 of web: runnable on CPU 1 for 20.0 s behind \x1b[31mred\x0a (pid 607, OTHER)"#
      ])
    let text = String(decoding: try report.json(), as: UTF8.self)
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || HostileText.escaped(String($0)) == String($0) })
  }

  /// Where the kernel's tables do not lead, the stack is scanned, and that is said.
  @Test func aStackThatCannotBeUnwoundIsScanned() throws {
    var host = try Self.host()
    host.set(host.thread("web")) {
      $0.state = 2
      $0.lastStart = 70 * Self.second
    }
    host.sleep("web", in: ["folio_wait_bit_common", "do_syscall_64"])
    for word in 0..<6 { host.store(0, at: host.host.kernel.image + BuiltKernel.DataPlace.orcRules + UInt64(word) * 8) }
    let channel = try #require(try vcpu(report(host)).thread?.waitChannel)
    #expect(channel.way == "scanned" && channel.function == "folio_wait_bit_common")
  }

  @Test func hostileGroupsAreEscaped() throws {
    var host = try ScheduledHost(Self.recipe().replacing("/machine/web", with: "/a%1b[2Jb"))
    host.panic(on: 0)
    host.run(try host.add("sh", pid: 7), on: 0, at: 100 * Self.second)
    host.set(host.thread("web")) {
      $0.state = 1
      $0.isFrozen = true
      $0.lastStart = 78 * Self.second
    }
    host.freeze(host.thread("web"))
    let text = try #require(try report(host).suspects.first?.text)
    #expect(text == #"vCPU 0 of web: frozen by control group /a\x1b[2Jb, has not run for 22.0 s"#)
  }

  /// Without types there is no scheduler to ask: the rest is told, and what is not known.
  @Test func withoutTypesTheRestIsUnknown() throws {
    let host = try HostRecipe("host ram 64M kernel 6.1 symbols\nguest web ram 0-2M nolinux\n  vcpu halted").build()
    let report = try report(host)
    #expect(report.unknown["scheduler"] == "the kernel describes no types" && report.exitStatus == .incomplete)
    #expect(report.suspects.isEmpty && report.instant == nil)
    let vcpu = try vcpu(report)
    #expect(vcpu.conclusion.verdict == "unknown" && vcpu.exitReason != nil && vcpu.unknown["thread"] != nil)
  }
}

extension KernelScheduler.Task {
  /// On a CPU since then.
  fileprivate mutating func runs(for arrival: UInt64) {
    onCPU = true
    self.arrival = arrival
  }

  fileprivate mutating func sleeps(since: UInt64) {
    state = 1
    isOnQueue = false
    lastStart = since
  }
}

/// The schema in the repository.
enum StallSchema {
  static func schema() throws -> JSONSchema {
    try JSONSchema(Data(contentsOf: Checkout.root.appending(path: "Documentation/vcpus.schema.json")))
  }
}

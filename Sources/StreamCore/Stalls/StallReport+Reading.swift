extension StallReport {
  /// - Parameters:
  ///   - word: what the host's kernel says of itself.
  ///   - guests: as they were found.
  init(_ manifest: Manifest, _ word: HostWord, _ guests: [StreamCore.Guest]) {
    tool = manifest.tool
    input = Input(files: manifest.input.files, kernelRelease: manifest.input.kernelRelease)
    warnings = manifest.warnings.filter { Self.concerned.contains($0.code) }
    guard let kernel = word.described, let listed = word.listed else {
      unknown["scheduler"] = word.why ?? "the host's kernel does not describe itself"
      self.guests = guests.map(Self.unread)
      return
    }
    let host = HostScheduler(kernel)
    if let fault = host.fault { unknown["scheduler"] = fault }
    if let instant = host.instant {
      self.instant = Instant(
        clock: instant.clock, cpu: instant.cpu, source: instant.source, isPanic: instant.isPanic)
    } else {
      unknown["instant"] = "no run queue has a clock"
    }
    cpus = host.queues.values.sorted { $0.cpu < $1.cpu }.map { Self.entry($0, host) }
    var reading = GuestReading(host: host, listed: listed)
    self.guests = guests.map { reading.entry($0) }
    suspects = Self.suspects(self.guests)
  }

  /// A guest of a host whose kernel does not tell of its scheduler: what stands in the structures that content led to.
  private static func unread(_ guest: StreamCore.Guest) -> Guest {
    Guest(
      id: guest.id, name: guest.name, pid: guest.vm?.pid,
      vcpus: guest.vcpus.enumerated().map { index, vcpu in
        var entry = VCPU(vcpu, index: index)
        entry.unknown["thread"] = "the host's kernel does not describe itself"
        return entry
      }, threads: [])
  }

  private static func entry(_ queue: RunQueue, _ host: HostScheduler) -> CPU {
    let ranOn = host.instant.flatMap { $0.clock < queue.clock.value ? queue.clock.value - $0.clock : nil }
    return CPU(
      cpu: queue.cpu, clock: Number(queue.clock), ranOn: ranOn, isIdle: queue.isIdle,
      current: queue.current.map(Task.init), running: queue.running.map(Number.init),
      realtimeRunning: queue.realtimeRunning.map(Number.init), waiting: queue.waiting.map(Task.init),
      cut: queue.cut.map { "\($0)" })
  }

  /// Those that stood still longest first. Where a VM's vCPUs are frozen, its other threads are with them.
  private static func suspects(_ guests: [Guest]) -> [Suspect] {
    var suspects: [Suspect] = []
    for guest in guests {
      for vcpu in guest.vcpus where vcpu.conclusion.isSuspect {
        suspects.append(
          Suspect(
            guest: guest.id, vcpu: vcpu.index, tid: vcpu.thread?.tid, duration: vcpu.conclusion.duration,
            text: "vCPU \(vcpu.index) of \(guest.name): \(vcpu.conclusion.text)"))
      }
      let shared = Set(guest.vcpus.filter(\.conclusion.isSuspect).map(\.conclusion.verdict))
        .intersection([StallJudge.Verdict.frozen.rawValue, StallJudge.Verdict.stopped.rawValue])
      for thread in guest.threads {
        guard let conclusion = thread.conclusion, conclusion.isSuspect, !shared.contains(conclusion.verdict) else {
          continue
        }
        suspects.append(
          Suspect(
            guest: guest.id, tid: thread.tid, duration: conclusion.duration,
            text: "thread \(TaskNames.text(thread.comm, thread.tid)) of \(guest.name): \(conclusion.text)"))
      }
    }
    return suspects.enumerated().sorted {
      ($1.element.duration ?? 0, $0.offset) < ($0.element.duration ?? 0, $1.offset)
    }.map(\.element)
  }
}

/// Reads guests of one host, one after the other.
private struct GuestReading {
  let host: HostScheduler
  let listed: ListedVMs
  let processes: ProcessPlaces
  let run: VCPURunPlaces
  var channels: WaitChannels
  /// That of the run queues.
  let clock: SchedClock?

  init(host: HostScheduler, listed: ListedVMs) {
    self.host = host
    self.listed = listed
    processes = ProcessPlaces(host.kernel.types)
    run = VCPURunPlaces(host.kernel.types)
    clock = try? SchedClock(host.kernel)
    channels = WaitChannels(host.kernel, host.places.task)
  }

  mutating func entry(_ guest: StreamCore.Guest) -> StallReport.Guest {
    let vm = listed.vms.first { $0.kvm.rawValue == guest.evidence.kvm.address.value }
    var found: [Int: (pointer: VirtualAddress, facts: Result<ThreadFacts?, ProcessFault>)] = [:]
    for vcpu in vm?.vcpus ?? [] {
      found[vcpu.pointer.index] = (vcpu.pointer.address, facts(of: vcpu.pointer.address))
    }
    let own = found.values.compactMap { try? $0.facts.get() }
    let others = threads(of: own)
    let pid = guest.vm?.pid
    let isIdle = others.first { $0.task.tid == pid ?? $0.task.pid }?.awaitsEvents ?? false
    var vcpus: [StallReport.VCPU] = []
    for (index, vcpu) in guest.vcpus.enumerated() {
      guard let own = found[vcpu.tableIndex] else {
        vcpus.append(StallReport.VCPU(vcpu, index: index))
        continue
      }
      vcpus.append(entry(vcpu, index, own.pointer, own.facts, isVMMIdle: isIdle, guest))
    }
    return StallReport.Guest(
      id: guest.id, name: guest.name, pid: pid, vcpus: vcpus,
      threads: others.map { StallReport.Thread($0, StallJudge.judge($0)) })
  }

  /// - Returns: `nil` for one that nothing has run yet.
  private mutating func facts(of vcpu: VirtualAddress) -> Result<ThreadFacts?, ProcessFault> {
    do throws(ProcessFault) {
      let reader = host.kernel.reader
      let thread = listed.types.thread
      let pid = try ProcessFault.from { () throws(KernelFault) in try reader.pointer(thread, at: vcpu) }
      guard pid.rawValue != 0 else { return .success(nil) }
      let task = try host.task(at: try LinuxThread.task(of: pid, processes, reader))
      return .success(ThreadFacts(task, host, processes, &channels))
    } catch { return .failure(error) }
  }

  /// The VMM's threads that run no vCPU.
  private mutating func threads(of vcpus: [ThreadFacts]) -> [ThreadFacts] {
    guard let first = vcpus.first else { return [] }
    let known = Set(vcpus.map(\.task.address))
    return host.threads(of: first.task.address).filter { !known.contains($0.address) }
      .map { ThreadFacts($0, host, processes, &channels) }
  }

  private mutating func entry(
    _ vcpu: StreamCore.VCPU, _ index: Int, _ pointer: VirtualAddress, _ facts: Result<ThreadFacts?, ProcessFault>,
    isVMMIdle: Bool, _ guest: StreamCore.Guest
  ) -> StallReport.VCPU {
    var entry = StallReport.VCPU(vcpu, index: index)
    let run = VCPURun(of: pointer, run, host.kernel.reader)
    entry.mode = run.mode.map(StallReport.Number.init)
    entry.lastHostTsc = run.lastHostTSC.map(StallReport.Number.init)
    entry.steal = run.steal.map { StallReport.Steal($0, of: guest, host.kernel.kernel.memory) }
    switch facts {
    case .failure(let fault): entry.unknown["thread"] = "\(fault)"
    case .success(nil):
      entry.conclusion = .init(
        StallJudge.Conclusion(verdict: .neverRan, text: "nothing has run it yet", by: ["kvm_vcpu.pid"]))
    case .success(let facts?):
      entry.thread = StallReport.Thread(facts, nil)
      entry.left = left(run, facts.task)
      entry.conclusion = .init(
        StallJudge.judge(
          facts,
          .init(
            isInGuest: run.isInGuest, mpState: vcpu.kvm?.mpState?.name, exitReason: vcpu.exitReason?.value,
            isVMMIdle: isVMMIdle)))
    }
    return entry
  }

  /// When it left its CPU last, where that agrees with what the scheduler noted.
  private func left(_ run: VCPURun, _ task: ScheduledTask) -> StallReport.Number? {
    guard task.state != .running, let counter = run.lastHostTSC, counter.value != 0, let instant = host.instant,
      let time = clock?.nanoseconds(at: counter.value), time <= instant.clock
    else { return nil }
    return .init(value: time, source: "\(counter.source) by cyc2ns")
  }
}

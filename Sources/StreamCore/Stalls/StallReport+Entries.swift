extension StallReport.Number {
  init(_ reading: Reading) { self.init(value: reading.value, source: reading.source) }
}

extension StallReport.Task {
  init(_ task: ScheduledTask) {
    self.init(
      tid: task.tid, comm: task.comm, policy: task.policy.map { "\($0)" },
      lastArrival: task.lastArrival.map(StallReport.Number.init),
      lastQueued: task.lastQueued.map(StallReport.Number.init))
  }
}

extension StallReport.VCPU {
  /// What the inspection knows of it; its thread is to be added.
  init(_ vcpu: StreamCore.VCPU, index: Int) {
    let exit = vcpu.exitReason.map { StallReport.Word(value: $0.value, source: $0.source.rawValue) }
    let kvm = RegisterSource.kvm.rawValue
    self.init(
      index: index, vcpuId: vcpu.kvm?.vcpuID, exitReason: exit,
      mpState: vcpu.kvm?.mpState.map { .init(value: $0.name, source: kvm) },
      hostCpu: vcpu.kvm?.hostCPU.map { .init(value: "\($0)", source: kvm) },
      conclusion: .init(StallJudge.unknown(exitReason: exit?.value, hostCPU: vcpu.kvm?.hostCPU)), unknown: [:])
  }
}

extension StallReport.Steal {
  /// - Parameter memory: the host's.
  init(_ steal: VCPURun.Steal, of guest: StreamCore.Guest, _ memory: any PhysicalMemory) {
    self.init(gpa: .init(steal.place.rawValue), told: steal.told.map(StallReport.Number.init))
    // `struct kvm_steal_time` begins with it, and lies in one page.
    guard let frame = guest.memory.hostFrame(steal.place.frame), let page = memory.page(frame).page
    else { return }
    seen = .init(value: page.u64(steal.place.pageOffset), source: "kvm_steal_time.steal in the guest's memory")
  }
}

extension StallReport.Thread {
  /// - Parameter conclusion: of a thread that runs no vCPU.
  init(_ facts: ThreadFacts, _ conclusion: StallJudge.Conclusion?) {
    let task = facts.task
    self.init(
      tid: task.tid, comm: task.comm, state: task.rawState.map(StallReport.Number.init),
      policy: task.policy.map { "\($0)" }, cpu: task.cpu.map(StallReport.Number.init), allowed: facts.allowed,
      lastArrival: task.lastArrival.map(StallReport.Number.init),
      lastQueued: task.lastQueued.map(StallReport.Number.init), runDelay: task.runDelay.map(StallReport.Number.init),
      runs: task.runs.map(StallReport.Number.init), runtime: task.runtime.map(StallReport.Number.init),
      execStart: task.execStart.map(StallReport.Number.init), queued: facts.queued, absence: facts.absence,
      waitChannel: facts.channel.map { .init(function: $0.function, way: $0.way.rawValue, stack: $0.stack) },
      lockOwner: facts.owner.map { .init(tid: $0.tid, comm: $0.comm, source: $0.source) }, cgroup: facts.cgroup,
      freeze: facts.limits.freeze.map { .init($0, began: facts.freezeBegan) },
      quotas: facts.limits.quotas.map(StallReport.Quota.init),
      conclusion: conclusion.map(StallReport.Conclusion.init))
  }
}

extension StallReport.Freeze {
  init(_ freeze: TaskLimits.Freeze, began: (time: UInt64, uncertainty: UInt64)?) {
    self.init(
      group: freeze.group, hasStopped: freeze.hasStopped, source: freeze.source,
      since: freeze.since.map(StallReport.Number.init))
    guard let began, let source = since?.source else { return }
    self.began = .init(value: began.time, uncertainty: began.uncertainty, source: "\(source) by tk_fast_mono")
  }
}

extension StallReport.Quota {
  init(_ quota: TaskLimits.Quota) {
    self.init(
      group: quota.group, quota: .init(quota.quota), period: quota.period.map(StallReport.Number.init),
      runtime: quota.runtime.map(StallReport.Number.init), periods: quota.periods.map(StallReport.Number.init),
      throttledPeriods: quota.throttledPeriods.map(StallReport.Number.init), isThrottled: quota.isThrottled,
      since: quota.since.map(StallReport.Number.init))
  }
}

extension StallReport.Conclusion {
  init(_ conclusion: StallJudge.Conclusion) {
    self.init(
      verdict: conclusion.verdict.rawValue, isSuspect: conclusion.isSuspect, duration: conclusion.duration,
      text: conclusion.text, by: conclusion.by)
  }
}

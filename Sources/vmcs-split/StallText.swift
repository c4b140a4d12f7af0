import StreamCore

/// What a person reads of a host's vCPUs: first what is concluded, then what was read.
struct StallText {
  private let report: StallReport
  private let options: CommonOptions

  init(_ report: StallReport, _ options: CommonOptions) {
    self.report = report
    self.options = options
  }

  func printAll() throws {
    if !options.quiet {
      for warning in report.warnings { Terminal.error("warning: \(warning.text)") }
    }
    if !report.missing.isEmpty {
      Terminal.error("vmcs-split: incomplete: \(report.missing.joined(separator: "; ")); --json says what")
    }
    if options.json { return Terminal.document(String(decoding: try report.json(), as: UTF8.self)) }
    Terminal.out(instantLine + "\n" + suspectLines + "\n" + vcpuTable + cpuTable)
    if options.verbose > 0 { Terminal.out(threadTable + details) }
  }

  private var instantLine: String {
    guard let instant = report.instant else {
      return "When the host stopped is not known by its scheduler: nothing is said of how long anything took.\n"
    }
    var text =
      instant.isPanic
      ? "panic on CPU \(instant.cpu) at \(stamp(instant.clock)) s of the host's scheduler clock\n"
      : "the host stopped at about \(stamp(instant.clock)) s of its scheduler clock, by \(instant.source)\n"
    for cpu in report.cpus {
      guard let ranOn = cpu.ranOn, ranOn >= 1_000_000 else { continue }
      text += "CPU \(cpu.cpu) ran on for \(stamp(ranOn)) s, which does not count\n"
    }
    return text
  }

  private var suspectLines: String {
    let vcpus = report.guests.flatMap(\.vcpus)
    let known = vcpus.filter { $0.conclusion.verdict != "unknown" }
    var text = ""
    if report.instant == nil || known.isEmpty {
      text = "No vCPU can be judged by how long it did not run.\n"
    } else if report.suspects.isEmpty {
      text = "No suspects: of \(known.count) vCPUs none waited for a second or more against its will.\n"
    }
    if !report.suspects.isEmpty { text += "Concluded:\n" + report.suspects.map { "  \($0.text)\n" }.joined() }
    let lost = vcpus.count - known.count
    return lost > 0 && lost < vcpus.count ? text + "Of \(lost) more vCPUs the threads are not known.\n" : text
  }

  /// The worst first, then the others by guest.
  private var vcpuTable: String {
    var table = Table(
      ["GUEST", "VCPU", "THREAD", "STATE", "FOR", "CPU", "POLICY", "RUNS INSTEAD", "LAST EXIT", "RUN DELAY", "RUNS"],
      rightAligned: [1, 2, 4, 5, 9, 10], keys: 2)
    var rows: [(duration: UInt64, order: Int, cells: [String])] = []
    for guest in report.guests {
      for vcpu in guest.vcpus {
        let duration = vcpu.conclusion.duration
        let thread = vcpu.thread
        rows.append(
          (
            vcpu.conclusion.isSuspect ? duration ?? 1 : 0, rows.count,
            [
              guest.name, "\(vcpu.index)", thread.map { "\($0.tid)" } ?? "-", state(vcpu.conclusion),
              duration.map { stamp($0) } ?? "-", cpu(vcpu), thread?.policy ?? "-", instead(vcpu),
              vcpu.exitReason?.value ?? "unknown", thread?.runDelay.map { stamp($0.value) } ?? "-",
              thread?.runs.map { "\($0.value)" } ?? "-",
            ]
          ))
      }
    }
    for row in rows.sorted(by: { ($1.duration, $0.order) < ($0.duration, $1.order) }) { table.add(row.cells) }
    return table.text(width: Terminal.outputWidth)
  }

  private func state(_ conclusion: StallReport.Conclusion) -> String {
    String(conclusion.verdict.map { $0 == "_" ? " " : $0 })
  }

  private func cpu(_ vcpu: StallReport.VCPU) -> String {
    vcpu.thread?.cpu.map { "\($0.value)" } ?? vcpu.hostCpu?.value ?? "-"
  }

  private func instead(_ vcpu: StallReport.VCPU) -> String {
    guard ["runnable", "throttled"].contains(vcpu.conclusion.verdict), let place = vcpu.thread?.cpu?.value,
      let queue = report.cpus.first(where: { UInt64($0.cpu) == place }), let current = queue.current
    else { return "-" }
    return queue.isIdle ? "idle" : "\(name(current.comm)) \(current.tid)"
  }

  private var cpuTable: String {
    var table = Table(["CPU", "RUNS", "PID", "POLICY", "FOR", "QUEUE"], rightAligned: [0, 2, 4, 5])
    let cpus = options.verbose > 0 ? report.cpus : report.cpus.filter(isAsked)
    for cpu in cpus {
      let current = cpu.current
      table.add([
        "\(cpu.cpu)", cpu.isIdle ? "idle" : name(current?.comm), current.map { "\($0.tid)" } ?? "-",
        cpu.isIdle ? "-" : current?.policy ?? "-", since(current) ?? "-", cpu.running.map { "\($0.value)" } ?? "-",
      ])
    }
    return cpus.isEmpty ? "" : "\n" + table.text(width: Terminal.outputWidth)
  }

  /// The panicking CPU, and those that vCPUs wait for.
  private func isAsked(_ cpu: StallReport.CPU) -> Bool {
    cpu.cpu == report.instant?.cpu
      || report.guests.contains { guest in
        guest.vcpus.contains {
          $0.thread?.cpu?.value == UInt64(cpu.cpu) && ["runnable", "throttled"].contains($0.conclusion.verdict)
        }
      }
  }

  /// How long a CPU had run what it runs.
  private func since(_ task: StallReport.Task?) -> String? {
    guard let instant = report.instant, let arrival = task?.lastArrival?.value, arrival != 0 else { return nil }
    return instant.clock >= arrival ? stamp(instant.clock - arrival) : "after"
  }

  private var threadTable: String {
    var table = Table(
      ["GUEST", "THREAD", "COMM", "STATE", "FOR", "CPU", "POLICY", "ALLOWED", "WAITS IN", "BY"],
      rightAligned: [1, 4, 5],
      keys: 2)
    for guest in report.guests {
      let vcpus = guest.vcpus.compactMap { vcpu in vcpu.thread.map { ($0, vcpu.conclusion) } }
      let others = guest.threads.compactMap { thread in thread.conclusion.map { (thread, $0) } }
      for (thread, conclusion) in vcpus + others {
        table.add([
          guest.name, "\(thread.tid)", name(thread.comm), state(conclusion),
          conclusion.duration.map { stamp($0) } ?? "-",
          thread.cpu.map { "\($0.value)" } ?? "-", thread.policy ?? "-", thread.allowed ?? "-",
          thread.waitChannel.map { HostileText.escaped($0.function) } ?? "-", thread.waitChannel?.way ?? "-",
        ])
      }
    }
    return report.unknown["scheduler"] == nil ? "\n" + table.text(width: Terminal.outputWidth) : ""
  }

  private var details: String {
    var text = ""
    for guest in report.guests {
      for vcpu in guest.vcpus {
        text += "\n\(guest.name), vCPU \(vcpu.index): \(vcpu.conclusion.text)\n"
        for source in vcpu.conclusion.by { text += "  concluded from \(source)\n" }
        text += lines(vcpu)
      }
    }
    for cpu in report.cpus where !cpu.waiting.isEmpty {
      let tasks = cpu.waiting.prefix(16).map { "\(name($0.comm)) \($0.tid)" }.joined(separator: ", ")
      text += "\nCPU \(cpu.cpu): fair tasks that wait: \(tasks)\n"
    }
    return text
  }

  private func lines(_ vcpu: StallReport.VCPU) -> String {
    var lines: [String] = []
    if let group = vcpu.thread?.cgroup { lines.append("control group \(HostileText.escaped(group))") }
    if let freeze = vcpu.thread?.freeze {
      var line = "frozen group \(HostileText.escaped(freeze.group ?? "-")), by \(freeze.source)"
      if let began = freeze.began { line += ", since \(stamp(began.value)) s (within \(stamp(began.uncertainty)) s)" }
      lines.append(line)
    }
    for quota in vcpu.thread?.quotas ?? [] {
      var line = "quota of \(HostileText.escaped(quota.group ?? "-")): \(stamp(quota.quota.value)) s"
      if let period = quota.period { line += " in each \(stamp(period.value)) s" }
      if let left = quota.runtime?.value, left <= quota.quota.value { line += ", \(stamp(left)) s left" }
      if let periods = quota.periods?.value, let throttled = quota.throttledPeriods?.value {
        line += ", throttled in \(throttled) of \(periods) periods"
      }
      lines.append(line)
    }
    if let left = vcpu.left { lines.append("left its CPU at \(stamp(left.value)) s (\(left.source))") }
    if let steal = vcpu.steal {
      let seen = (steal.seen ?? steal.told).map { "\(stamp($0.value)) s (\($0.source))" } ?? "-"
      lines.append("steal time that its guest sees: \(seen), without the wait that lasts")
    }
    if let stack = vcpu.thread?.waitChannel {
      lines.append("stack (\(stack.way)): \(stack.stack.map { HostileText.escaped($0) }.joined(separator: " < "))")
    }
    lines += vcpu.unknown.sorted { $0.key < $1.key }.map { "\($0.key) unknown: \($0.value)" }
    return lines.map { "  \($0)\n" }.joined()
  }

  private func name(_ comm: String?) -> String { comm.map { HostileText.escaped($0) } ?? "-" }

  /// Seconds with three places.
  private func stamp(_ nanoseconds: UInt64) -> String {
    let rest = String(nanoseconds / 1_000_000 % 1000)
    return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 3 - rest.count) + rest
  }
}

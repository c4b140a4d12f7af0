import StreamCore

/// What a person reads of a manifest: aligned tables on standard output, warnings on standard error.
struct Report {
  private let manifest: Manifest
  private let inspection: Inspection
  private let options: CommonOptions

  init(_ manifest: Manifest, of inspection: Inspection, _ options: CommonOptions) {
    self.manifest = manifest
    self.inspection = inspection
    self.options = options
  }

  func printList() throws {
    warn("--json")
    if options.json { return Terminal.document(String(decoding: try manifest.json(), as: UTF8.self)) }
    Terminal.out(
      inputLine + "\n" + guestTable + memoryTable + sharingTable + Self.stateTable(manifest.guests) + "\n" + vcpuTable)
    printDetails()
  }

  func printSplit(directory: String) throws {
    warn("the manifest")
    if options.json { return Terminal.document(String(decoding: try manifest.json(), as: UTF8.self)) }
    if options.quiet { return }
    Terminal.out(inputLine + "\n" + outputTable)
    Terminal.out("manifest: \(PathText.printable(directory))/manifest.json\n")
    printDetails()
  }

  /// Warnings, and why the run ends with 1 when it does: that line comes with -q, too.
  /// - Parameter place: where the rest stands.
  private func warn(_ place: String) {
    if !options.quiet {
      for warning in manifest.warnings { Terminal.error("warning: \(warning.text)") }
    }
    guard manifest.exitStatus == .incomplete else { return }
    let absent = manifest.guests.reduce(0) { $0 + $1.absentCount }
    let bad = manifest.guests.reduce(0) { $0 + $1.badPages.count }
    let codes = Set(manifest.warnings.filter(\.code.isLoss).map(\.code.rawValue)).sorted()
    var parts: [String] = []
    if absent > 0 { parts.append("\(absent) guest pages are not in the dump") }
    // Streams that nobody decoded can be damaged, too.
    let isRead = manifest.guests.allSatisfy { $0.checked == "pages" }
    if bad > 0 { parts.append("\(isRead ? "" : "at least ")\(bad) are damaged") }
    if !codes.isEmpty { parts.append("warnings of loss: \(codes.joined(separator: ", "))") }
    Terminal.error("vmcs-split: incomplete: \(parts.joined(separator: "; ")); \(place) says what")
  }

  var vendor: Vendor { manifest.vendor.flatMap(Vendor.init) ?? .intel }

  private var inputLine: String {
    let input = manifest.input
    let version = input.headerVersion.map { " \($0)" } ?? ""
    var parts = [input.files.map { PathText.printable($0.name) }.joined(separator: " "), input.format + version]
    parts.append(input.codecs.joined(separator: ", "))
    if let level = input.dumpLevel { parts.append("dump level \(level)") }
    if let release = input.kernelRelease { parts.append("host kernel \(release)") }
    parts.append("\(input.storedPages) pages")
    if let layout = manifest.layout {
      parts.append(vendor == .amd ? "AMD processors" : "VMCS layout \(layout.id)")
    }
    if let unknown = manifest.unknownLayout {
      let ids = unknown.revisionIds.map { hex($0.value) }.joined(separator: ", ")
      parts.append("VMCS layout unknown (revision \(ids))")
    }
    return parts.joined(separator: ", ") + "\n"
  }

  private var guestTable: String {
    var table = Table(
      ["GUEST", "NAME", "PID", "VCPUS", "RAM", "PAGES", "IN DUMP", "KERNEL"], rightAligned: [0, 2, 3, 4, 5, 6], keys: 2)
    for guest in manifest.guests {
      table.add([
        "\(guest.id)", guest.name, guest.vm?.pid.map { "\($0)" } ?? "-", "\(guest.vcpus.count)",
        Size.text(guest.ramBytes), count(guest.pages.known),
        guest.storedShare, guest.osrelease.map(PathText.printable) ?? "-",
      ])
    }
    return table.text(width: Terminal.outputWidth)
  }

  /// What the guests' memory is known by, where there is more than one word for it.
  private var memoryTable: String {
    let known = manifest.guests.filter { $0.pages.slots != nil || $0.pages.join != nil }
    guard !known.isEmpty else { return "" }
    let isJoined = known.contains { $0.pages.join != nil }
    let hasZswap = known.contains { $0.pages.zswap != nil }
    let columns =
      ["GUEST", "PAGES", "BY \(vendor.tables)", "BY SLOTS"] + (isJoined ? ["BY JOIN"] : [])
      + ["PAGE CACHE"] + (hasZswap ? ["ZSWAP"] : []) + ["UNTOUCHED", "ABSENT", "BAD"]
    var table = Table(columns, rightAligned: Set(columns.indices), keys: 1)
    for guest in known {
      table.add(
        ["\(guest.id)", count(guest.pages.known), count(guest.pages.ept), count(guest.pages.slots)]
          + (isJoined ? [count(guest.pages.join)] : [])
          + [count(guest.pages.pageCache)] + (hasZswap ? ["\(guest.pages.zswap ?? 0)"] : [])
          + [count(guest.pages.untouched), "\(guest.absentCount)", "\(guest.badPages.count)"])
    }
    return "\n" + table.text(width: Terminal.outputWidth)
  }

  /// Host frames that several guests have: what KSM merged, or memory that VMMs share.
  private var sharingTable: String {
    let sharing = manifest.guests.filter { $0.sharedWith != nil }
    guard !sharing.isEmpty else { return "" }
    var table = Table(["GUEST", "SHARED FRAMES", "WITH"], rightAligned: [0, 1], keys: 1)
    for guest in sharing {
      table.add(["\(guest.id)", count(guest.pages.shared), guest.sharedWith?.joined(separator: " ") ?? "-"])
    }
    return "\n" + table.text(width: Terminal.outputWidth)
  }

  private var outputTable: String {
    var table = Table(
      ["GUEST", "NAME", "VCPUS", "PAGES", "ZERO", "ABSENT", "BAD", "FILE", "SIZE"],
      rightAligned: [0, 2, 3, 4, 5, 6, 8],
      keys: 2)
    for guest in manifest.guests {
      table.add([
        "\(guest.id)", guest.name, "\(guest.vcpus.count)", count(guest.pages.known),
        guest.pages.zero.map { "\($0)" } ?? "-", "\(guest.absentCount)", "\(guest.badPages.count)",
        guest.output?.file ?? "not written",
        guest.output.map { Size.text($0.bytes) } ?? "-",
      ])
    }
    return table.text(width: Terminal.outputWidth)
  }

  private var vcpuTable: String {
    var table = Table(
      ["GUEST", "VCPU", "APIC", vendor.region, "RIP", "CR3", "EXIT REASON", "MP STATE", "HOST CPU"],
      rightAligned: [0, 1, 2], keys: 2)
    for guest in manifest.guests {
      for vcpu in guest.vcpus {
        table.add([
          "\(guest.id)", "\(vcpu.index)", vcpu.apicId.map { "\($0)" } ?? "-", vcpu.vmcs.map { hex($0.value) } ?? "-",
          register("rip", vcpu), register("cr3", vcpu), sourced(vcpu.exitReason, "exit_reason", vcpu),
          sourced(vcpu.mpState, "mp_state", vcpu), sourced(vcpu.hostCpu.map { "\($0)" }, "host_cpu", vcpu),
        ])
      }
    }
    return table.text(width: Terminal.outputWidth)
  }

  private func register(_ name: String, _ vcpu: Manifest.VCPU) -> String {
    vcpu.registers[name].map { "\(hex($0.value.value)) (\($0.source))" } ?? "unknown"
  }

  private func sourced(_ value: String?, _ name: String, _ vcpu: Manifest.VCPU) -> String {
    guard let value else { return "unknown" }
    return vcpu.sources[name].map { "\(value) (\($0))" } ?? value
  }

  private func printDetails() {
    guard options.verbose > 0 else { return }
    var text = ""
    if let layout = manifest.layout {
      text += "\nlayout \(layout.id) (\(layout.source)):\n" + Self.lines(layout.evidence)
      if let used = inspection.layoutUsed { text += fieldSources(used) }
    }
    if let unknown = manifest.unknownLayout {
      text += "\nlayout unknown, of \(unknown.regions) regions:\n" + unknown.tried.map { "  not \($0)\n" }.joined()
      if let inferred = unknown.inferred { text += "  inferred: \(inferred)\n" }
    }
    text += symbolFiles
    for guest in manifest.guests {
      text += "\n\(guest.name): evidence\n" + lines(guest.evidence)
      text += vmLines(guest)
      text += Self.clockLines(guest)
      for slot in guest.slots ?? [] {
        text += "  slot \(hex(slot.gpa.value)), \(slot.bytes >> 10) KiB, at \(hex(slot.hva.value)) of the VMM"
        text += slot.flags.value & 2 != 0 ? ", read-only\n" : "\n"
      }
      for range in guest.ram { text += "  RAM \(hex(range.start.value)) to \(hex(range.end.value))\n" }
    }
    if options.verbose > 1 {
      text += "\n" + registerTable
      if !inspection.nearMisses.isEmpty {
        text += "\nno guests:\n" + inspection.nearMisses.map { "  \($0)\n" }.joined()
      }
    }
    for defunct in manifest.defunct {
      text += "\nno guest: VMCS \(hex(defunct.vmcs.value)): \(Self.line(defunct.evidence))\n"
    }
    var counters = Table(["COUNTER", "VALUE"], rightAligned: [1])
    for (name, value) in manifest.counters.sorted(by: { $0.key < $1.key }) { counters.add([name, "\(value)"]) }
    Terminal.out(text + "\n" + counters.text(width: Terminal.outputWidth))
  }

  /// The files of `--symbols`, and what each was used for.
  private var symbolFiles: String {
    var text = ""
    for file in manifest.discovery?.files ?? [] {
      text += "\nsymbols \(file.name): \(file.of)"
      text += file.buildId.map { ", build id \($0)" } ?? ""
      text += file.proof.map { ", proven by: \($0)\n" } ?? ", not held against the dump\n"
      for (what, why) in (file.gives ?? [:]).sorted(by: { $0.key < $1.key }) { text += "  gives \(what): \(why)\n" }
      if let aside = file.aside {
        text += "  left aside: \(aside)\n"
      } else if file.gives == nil {
        text += "  not needed\n"
      }
    }
    return text
  }

  /// What a VM's process is, line by line, and why something of it is not known. Tenants' words are escaped.
  private func vmLines(_ guest: Manifest.Guest) -> String {
    guard let vm = guest.vm else { return "" }
    let says = (vm.nameBy ?? []).prefix(4).joined(separator: "; ")
    let labels: [(String, String?)] = [
      ("name", vm.name), ("name by", vm.nameSource.map { "\($0): \(says)" }), ("uuid", vm.uuid),
      ("pid", vm.pid.map { "\($0)" }), ("uid", vm.uid.map { "\($0)" }), ("comm", vm.comm),
      ("cgroup", vm.cgroup), ("started", vm.started.map { "\(Seconds.text($0)) s after the host's boot" }),
    ]
    var text = labels.compactMap { key, value in value.map { "  VM \(key): \(HostileText.escaped($0))\n" } }.joined()
    for vcpu in guest.vcpus {
      guard let thread = vcpu.thread else { continue }
      let name = thread.comm.map { ", \(HostileText.escaped($0))" } ?? ""
      text += "  vCPU \(vcpu.index): thread \(thread.tid)\(name)\n"
    }
    for (key, why) in vm.unknown.sorted(by: { $0.key < $1.key }) { text += "  VM \(key) unknown: \(why)\n" }
    return text
  }

  /// Where the layout's places come from; a field that is not inferred stands in one of the sources.
  private func fieldSources(_ layout: Layout) -> String {
    var text = layout.facts.sources.map { "  from \($0)\n" }.joined()
    if let rule = layout.facts.rule { text += "  rule: \(rule)\n" }
    let inferred = layout.facts.inferred.map(\.name)
    if !inferred.isEmpty { text += "  inferred, in no source: \(inferred.joined(separator: ", "))\n" }
    return text
  }

  /// Every register of every vCPU, with its source.
  private var registerTable: String {
    var table = Table(["GUEST", "VCPU", "REGISTER", "VALUE", "SOURCE"], rightAligned: [0, 1], keys: 2)
    for guest in manifest.guests {
      for vcpu in guest.vcpus {
        for (name, entry) in vcpu.registers.sorted(by: { $0.key < $1.key }) {
          var value = hex(entry.value.value)
          if let base = entry.base { value += " base \(hex(base.value))" }
          if let limit = entry.limit { value += " limit \(hex(limit.value))" }
          if let rights = entry.accessRights { value += " ar \(hex(rights.value))" }
          table.add(["\(guest.id)", "\(vcpu.index)", name, value, entry.source])
        }
        for (name, value) in vcpu.fpu?.rows ?? [] {
          table.add(["\(guest.id)", "\(vcpu.index)", name, value, vcpu.fpu?.source ?? "-"])
        }
        for name in vcpu.unknown {
          table.add(["\(guest.id)", "\(vcpu.index)", name, "unknown", vcpu.reasons?[name] ?? "-"])
        }
      }
    }
    return table.text(width: Terminal.outputWidth)
  }

  private func count(_ pages: UInt64?) -> String { pages.map { "\($0)" } ?? "-" }
}

extension Manifest.FPU {
  fileprivate var rows: [(name: String, value: String)] {
    let words = [("fcw", fcw), ("fsw", fsw), ("ftw", ftw), ("mxcsr", mxcsr)].map { ($0, hex($1.value)) }
    let sets = [("st", st), ("xmm", xmm ?? []), ("ymm", ymm ?? [])]
    return words + sets.flatMap { name, values in values.enumerated().map { ("\(name)\($0)", $1) } }
  }
}

extension Manifest.Guest {
  fileprivate var ramBytes: UInt64 { ram.reduce(0) { $0 + ($1.end.value - $1.start.value) } }
  fileprivate var absentCount: UInt64 { pages.absent.values.reduce(0, +) }
  /// Share of the mapped pages whose bytes can be had from the dump.
  fileprivate var storedShare: String {
    // The host kernel's zero pages are everybody's.
    let zero = pages.zero ?? 0
    guard let known = pages.known, known > zero else { return "-" }
    let own = known - zero
    let tenths = (own - min(own, absentCount + badPages.count)) * 1000 / own
    return "\(tenths / 10).\(tenths % 10) %"
  }
}

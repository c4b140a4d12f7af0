public let toolVersion = "0.1.0"

extension Inspection {
  /// The manifest without outputs: what `list --json` prints.
  public func manifest() -> Manifest {
    let summary = dump.summary
    var manifest = Manifest(
      tool: .init(name: "vmcs-split", version: toolVersion),
      input: .init(
        files: [.init(name: Self.name(of: dump.file.path), size: dump.file.size)], format: summary.format,
        headerVersion: summary.headerVersion, codecs: [summary.encoding.name], dumpLevel: summary.dumpLevel,
        kernelRelease: dump.vmcoreinfo?.osrelease, frames: summary.frames, storedPages: summary.storedPages))
    manifest.layout = .init(
      id: layout.layout.id, source: layout.source, revisionId: .init(layout.revisionID), evidence: layout.evidence)
    manifest.guests = guests.map(Self.entry)
    manifest.defunct = defunct
    manifest.warnings = warnings
    manifest.counters = counters
    for purpose in ReadPurpose.allCases { manifest.counters["bytes_\(purpose.name)"] = dump.file.counters[purpose] }
    return manifest
  }

  /// The last component: where a dump lay is nobody's business who gets the manifest.
  private static func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

  private static func entry(_ guest: Guest) -> Manifest.Guest {
    Manifest.Guest(
      id: guest.id, name: guest.name, eptp: guest.roots.map { .init($0.rawValue) },
      vcpus: guest.vcpus.enumerated().map { entry($1, index: $0) },
      ram: guest.map.ram.map { .init(start: .init($0.lowerBound), end: .init($0.upperBound)) },
      pages: .init(
        ept: guest.map.knownPages, completed: 0, zero: nil, device: guest.map.devicePages,
        absent: Dictionary(uniqueKeysWithValues: guest.map.absent.map { ($0.key.rawValue, $0.value) })),
      badPages: .init(count: 0, runs: []), checked: nil, osrelease: guest.identity?.vmcoreinfo.osrelease, output: nil,
      evidence: guest.evidence + identityLines(guest))
  }

  private static func identityLines(_ guest: Guest) -> [String] {
    guard let identity = guest.identity else { return [] }
    return [
      "VMCOREINFO at GPA \(identity.place): the page tables of \(identity.agreeing) of \(identity.asked) vCPUs with paging agree"
    ]
  }

  private static func entry(_ vcpu: VCPU, index: Int) -> Manifest.VCPU {
    var sources: [String: String] = [:]
    if vcpu.region?.exitReason != nil { sources["exit_reason"] = RegisterSource.vmcs.rawValue }
    if vcpu.kernel?.mpState != nil { sources["mp_state"] = RegisterSource.kvm.rawValue }
    if vcpu.kernel?.hostCPU != nil { sources["host_cpu"] = RegisterSource.kvm.rawValue }
    if vcpu.kernel?.apicID != nil { sources["apic_id"] = RegisterSource.kvm.rawValue }
    if vcpu.kernel?.vcpuID != nil { sources["vcpu_id"] = RegisterSource.kvm.rawValue }
    return Manifest.VCPU(
      index: index, apicId: vcpu.kernel?.apicID, vmcs: (vcpu.region?.address.rawValue).map { .init($0) },
      vcpuId: vcpu.kernel?.vcpuID, exitReason: vcpu.region?.exitReason?.description,
      mpState: vcpu.kernel?.mpState?.name,
      hostCpu: vcpu.kernel?.hostCPU, registers: registers(vcpu.state), unknown: vcpu.state.unknown, sources: sources)
  }

  private static func registers(_ state: RegisterState) -> [String: Manifest.RegisterEntry] {
    var entries: [String: Manifest.RegisterEntry] = [:]
    for (register, value) in state.registers {
      entries[register.rawValue] = .init(value: .init(value.value), source: value.source.rawValue)
    }
    for (register, segment) in state.segments {
      entries[register.rawValue] = .init(
        value: .init(segment.value.selector), source: segment.source.rawValue, base: .init(segment.value.base),
        limit: .init(segment.value.limit), accessRights: .init(segment.value.accessRights))
    }
    for (name, table) in [("gdtr", state.gdtr), ("idtr", state.idtr)] {
      guard let table else { continue }
      entries[name] = .init(
        value: .init(table.value.base), source: table.source.rawValue, base: .init(table.value.base),
        limit: .init(table.value.limit))
    }
    return entries
  }
}

extension Manifest {
  /// Whether anything is missing or damaged, which the exit status tells (design §6).
  public enum Completeness: Sendable, Equatable { case complete, incomplete }

  /// Warnings that say that something is missing or damaged; the others only tell.
  private static let missing: Set<String> = [
    "bad_pages", "damaged_input", "incomplete", "map_incomplete", "map_too_large", "no_vmcs", "unknown_registers",
    "unseen_vm", "not_written",
  ]

  public var completeness: Completeness {
    let lacking = guests.contains { $0.badPages.count > 0 || $0.pages.absent.values.contains { $0 > 0 } }
    return lacking || warnings.contains { Self.missing.contains($0.code) } ? .incomplete : .complete
  }
}

extension Inspection {
  /// The manifest without outputs: what `list --json` prints.
  public func manifest() -> Manifest {
    let summary = dump.summary
    var manifest = Manifest(
      tool: .init(name: "vmcs-split", version: toolVersion),
      input: .init(
        files: dump.input.source.given.map { .init(name: Self.name(of: $0.path), size: $0.size) },
        format: summary.format,
        headerVersion: summary.headerVersion, codecs: [(summary.codec ?? .raw).name], dumpLevel: summary.dumpLevel,
        kernelRelease: findings.release, frames: summary.frames, storedPages: summary.storedPages))
    manifest.host = findings.host
    manifest.vendor = findings.vendor.rawValue
    manifest.layout = layout.map {
      .init(id: $0.layout.id, source: $0.source, revisionId: .init($0.revisionID), evidence: $0.evidence)
    }
    if findings.vendor == .amd {
      // VMCBs are laid out alike on all processors; the kernel names them.
      let named = guests.flatMap(\.vcpus).filter { $0.region != nil }
      let read = named.count { $0.unread == nil }
      manifest.layout = .init(
        id: "amd-vmcb", source: "architecture",
        evidence: .init(candidates: UInt64(named.count), accepted: UInt64(read), proven: read))
    }
    manifest.unknownLayout = unknownLayout.map {
      .init(revisionIds: $0.revisionIDs.map { .init($0) }, regions: $0.regions, tried: $0.tried, inferred: $0.inferred)
    }
    manifest.discovery = findings.discovery
    manifest.guests = guests.map { Self.entry($0, among: guests) }
    manifest.defunct = findings.defunct
    manifest.warnings = findings.warnings
    manifest.counters = findings.counters
    for purpose in ReadPurpose.allCases { manifest.counters["bytes_\(purpose.name)"] = dump.input.counters[purpose] }
    return manifest
  }

  /// The last component: where a dump lay is nobody's business who gets the manifest.
  private static func name(of path: String) -> String {
    path.utf8.split(separator: UInt8(ascii: "/")).last.flatMap { String($0) } ?? path
  }

  private static func entry(_ guest: Guest, among guests: [Guest]) -> Manifest.Guest {
    Manifest.Guest(
      id: guest.id, name: guest.name, eptp: guest.roots.map { .init($0.rawValue) },
      vcpus: guest.vcpus.enumerated().map { entry($1, index: $0) }, vm: guest.vm?.entry,
      state: guest.state.entry, clock: guest.state.clockEntry(try? guest.mapped.group.clock?.get()),
      ram: guest.map.ram.map { .init(start: .init($0.lowerBound), end: .init($0.upperBound)) },
      slots: guest.slots?.map(Self.entry),
      pages: .init(
        known: guest.map.isCounted ? guest.map.knownPages : nil, ept: pages(guest, by: .tables),
        slots: guest.slots.flatMap { _ in pages(guest, by: .slots) },
        join: guest.mapped.join.flatMap { _ in pages(guest, by: .join) },
        pageCache: guest.slots.flatMap { _ in pages(guest, by: .pageCache) },
        zswap: guest.map.sources[.zswap].flatMap { $0 > 0 ? $0 : nil }, untouched: guest.map.untouchedPages,
        zero: guest.slots.flatMap { _ in guest.map.isCounted ? guest.map.zeroPages : nil },
        device: guest.map.devicePages, shared: guest.mapped.shared?.frames,
        absent: Manifest.absent(guest.map, guest.map.faults)),
      sharedWith: sharers(of: guest, among: guests),
      badPages: .init(guest.map.faults), checked: guest.map.isChecked ? "descriptors" : "bitmaps",
      osrelease: guest.identity?.vmcoreinfo.osrelease, output: nil,
      evidence: Self.evidence(guest))
  }

  private static func sharers(of guest: Guest, among guests: [Guest]) -> [String]? {
    guard let others = guest.mapped.shared?.others, !others.isEmpty else { return nil }
    return guests.filter { others.contains($0.mapped.group.index) }.map(\.name)
  }

  private static func pages(_ guest: Guest, by source: MapSource) -> UInt64? {
    guest.map.isCounted ? guest.map.sources[source] ?? 0 : nil
  }

  private static func entry(_ slot: MemorySlot) -> Manifest.Slot {
    Manifest.Slot(
      gpa: .init(slot.frames.lowerBound << 12), bytes: UInt64(slot.frames.count) << 12, hva: .init(slot.hva),
      flags: .init(slot.flags))
  }

  private static func evidence(_ guest: Guest) -> Manifest.Evidence {
    var evidence = guest.evidence
    evidence.vmcoreinfo = guest.identity.map {
      .init(gpa: .init($0.place.rawValue), agreeing: $0.agreeing, asked: $0.asked)
    }
    evidence.blocks = guest.mapped.join.map { join in
      join.slots.prefix(16).map { block in
        .init(
          gpa: .init(GPA(frame: block.frames.lowerBound).rawValue), bytes: UInt64(block.frames.count) << 12,
          hva: .init(block.hva))
      }
    }
    return evidence
  }

  private static func entry(_ vcpu: VCPU, index: Int) -> Manifest.VCPU {
    var sources: [String: String] = [:]
    if let reason = vcpu.exitReason { sources["exit_reason"] = reason.source.rawValue }
    if vcpu.kvm?.mpState != nil { sources["mp_state"] = RegisterSource.kvm.rawValue }
    if vcpu.kvm?.hostCPU != nil { sources["host_cpu"] = RegisterSource.kvm.rawValue }
    if vcpu.kvm?.apicID != nil { sources["apic_id"] = RegisterSource.kvm.rawValue }
    if vcpu.kvm?.vcpuID != nil { sources["vcpu_id"] = RegisterSource.kvm.rawValue }
    return Manifest.VCPU(
      index: index, apicId: vcpu.kvm?.apicID, vmcs: (vcpu.region?.rawValue).map { .init($0) },
      vcpuId: vcpu.kvm?.vcpuID, thread: vcpu.thread?.entry, exitReason: vcpu.exitReason?.value,
      mpState: vcpu.kvm?.mpState?.name,
      hostCpu: vcpu.kvm?.hostCPU, registers: registers(vcpu.registers),
      fpu: vcpu.registers.fpu.map(Manifest.FPU.init), unknown: vcpu.registers.unknown,
      reasons: vcpu.registers.reasons.isEmpty ? nil : vcpu.registers.reasons, sources: sources)
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

extension Manifest.Dump {
  fileprivate init(_ file: InputFile) {
    let isCarried = PathText.isCarried(file.path)
    self.init(
      path: isCarried ? PathText.printable(file.path) : file.path,
      pathBytes: isCarried ? PathText.bytes(of: file.path).map(Self.digits).joined() : nil, size: file.size)
  }

  private static func digits(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}

extension Manifest.FPU {
  fileprivate init(_ fpu: Sourced<FPUState>) {
    let state = fpu.value
    func text(_ bytes: some Collection<UInt8>) -> String {
      "0x" + bytes.reversed().map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined()
    }
    let vectors = (0..<FPUState.vectorCount).map { text(state.vector($0)) }
    self.init(
      source: fpu.source.rawValue, fcw: .init(state.fcw), fsw: .init(state.fsw), ftw: .init(state.ftw),
      mxcsr: .init(state.mxcsr), st: (0..<8).map { text(state.st($0)) },
      xmm: state.upperYMM == nil ? vectors : nil, ymm: state.upperYMM == nil ? nil : vectors)
  }
}

extension Split {
  /// The manifest of what was written.
  /// - Parameter summaries: of the guests in `stored`, in their order.
  func manifest(
    _ outcome: Extraction.Outcome, of stored: [Guest], among wanted: [Guest], _ summaries: [OutputSummary]
  ) -> Manifest {
    var manifest = inspection.manifest()
    manifest.host?.dump = .init(inspection.dump.input.file)
    manifest.add(outcome, of: stored, summaries, names: stored.map(fileName))
    for guest in stored where format.storesAnyCodec && guest.identity?.isKernelInFirstCR3 == false {
      // Seen with drgn 0.3.0: a kdump's virtual addresses go through the first QEMU note's CR3, an ELF core's do not.
      let text =
        "\(guest.name): vCPU 0's CR3 does not map its kernel: drgn 0.3 needs --format elf to read virtual addresses"
      manifest.warnings.append(.init(code: .first_cr3, text: text))
    }
    for guest in wanted where guest.map.heldPages == 0 && !guest.isEncrypted {
      let text = "\(guest.name): none of its \(guest.map.knownPages) pages is in the host dump: not written"
      manifest.warnings.append(.init(code: .not_written, text: text))
    }
    return manifest
  }
}

extension Manifest {
  /// Adds what the pass did to the guests that were written.
  fileprivate mutating func add(
    _ outcome: Extraction.Outcome, of guests: [StreamCore.Guest], _ summaries: [OutputSummary], names: [String]
  ) {
    for (position, guest) in guests.enumerated() {
      guard let index = self.guests.firstIndex(where: { $0.id == guest.id }) else { continue }
      let tally = outcome.tallies[guest.mapped.group.index] ?? GuestTally()
      self.guests[index].pages.zero = tally.zero
      self.guests[index].pages.absent = Self.absent(guest.map, tally.faults)
      self.guests[index].badPages = BadPages(tally.faults)
      self.guests[index].checked = outcome.passedUnread == 0 ? "pages" : "descriptors"
      self.guests[index].output = Output(
        file: names[position], format: summaries[position].format, codec: summaries[position].codec,
        bytes: summaries[position].bytes, sha256: summaries[position].sha256)
    }
    counters["extract_workers"] = UInt64(outcome.workers)
    counters["extract_windows"] = UInt64(outcome.windows)
    counters["extract_pages"] = outcome.pages
    counters["extract_transcoded"] = outcome.transcoded
  }

  /// Pages of a map that are not in the dump, by reason.
  fileprivate static func absent(_ map: GuestMap, _ faults: GuestFaults) -> [String: UInt64] {
    var absent = Dictionary(uniqueKeysWithValues: map.absent.map { ($0.key.rawValue, $0.value) })
    if faults.lost > 0 { absent[AbsentReason.lost.rawValue, default: 0] += faults.lost }
    return absent
  }
}

extension Manifest.BadPages {
  fileprivate init(_ faults: GuestFaults) { self.init(count: faults.bad, runs: Self.runs(faults.first)) }

  /// Neighbouring guest pages with one reason as one run; its offset is the first one's.
  private static func runs(_ faults: [GuestPageFault]) -> [Run] {
    var runs: [Run] = []
    for page in faults {
      let reason = page.fault.kind == .lost ? "lost: \(page.fault.reason)" : page.fault.reason
      if let last = runs.last, last.reason == reason, last.gpa.value >> 12 + last.count == page.guestFrame {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(.init(gpa: .init(page.guestFrame << 12), count: 1, offset: page.fault.offset, reason: reason))
      }
    }
    return runs
  }
}

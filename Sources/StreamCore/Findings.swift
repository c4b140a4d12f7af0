/// What the steps have to say beside their results: warnings, counters, and who was turned away.
struct Findings: Sendable {
  private(set) var warnings: [Manifest.Warning] = []
  private(set) var defunct: [Manifest.Defunct] = []
  private(set) var nearMisses: [String] = []
  private(set) var counters: [String: UInt64] = [:]
  /// Whose processors the host has.
  private(set) var vendor = Vendor.intel

  /// VMs that the host kernel lists and that no region in the dump belongs to; told after the guests.
  private var unseen: [VirtualAddress] = []
  private(set) var discovery: Manifest.Discovery?
  private var remarks: Set<Remark> = []
  private static let differenceLimit = 16

  init(_ dump: any HostDump) {
    noteRemarks(of: dump)
    if dump.vmcoreinfo == nil {
      warn(
        .no_vmcoreinfo,
        "\(dump.input.path): no VMCOREINFO, so guests are told from forgeries by pointers alone, not by the kernel's own "
          + "page tables")
    }
  }

  /// What the dump's reader has found odd and has not said yet.
  mutating func noteRemarks(of dump: any HostDump) {
    for remark in dump.remarks where remarks.insert(remark).inserted {
      switch remark {
      case .oddity(let text): warn(.input, "\(dump.input.path): \(text)")
      case .damage(let text): warn(.damaged_input, "\(dump.input.path): \(text)")
      case .missingTail(let text): warn(.incomplete, "\(dump.input.path): \(text)")
      }
    }
  }

  mutating func warn(_ code: WarningCode, _ text: String) { warnings.append(Manifest.Warning(code: code, text: text)) }

  private mutating func note(_ scan: HeadScan, of dump: any HostDump) {
    counters["scan_pages"] = scan.pagesScanned
    counters["scan_workers"] = UInt64(scan.workers)
    counters["scan_bad_pages"] = scan.badPages
    counters["candidates"] = scan.regions.count
    if scan.badPages > 0 {
      warn(
        .bad_pages,
        "at least \(scan.badPages) pages of the host dump are damaged or lost, by their heads; what guests lose of it is "
          + "said for each")
    }
    noteRemarks(of: dump)
  }

  mutating func note(_ word: HostWord, _ scan: HeadScan, of dump: any HostDump) {
    note(scan, of: dump)
    discovery = .init(
      way: word.listed == nil ? "content" : scan.isOfAllPages ? "both" : "kernel",
      why: word.why ?? word.listed?.gap, files: word.usedFiles)
    for remark in word.fileRemarks { warn(.symbols, remark) }
    if let why = word.why, word.isBroken {
      let what =
        word.listed == nil ? "cannot be asked for its VMs, which" : "does not tell where its vCPUs' VMCSs are, which"
      warn(.by_content, "the host's kernel \(what) are found by content: \(why)")
    }
    if word.lacksKernelPages(dumpLevel: dump.summary.dumpLevel) {
      warn(
        .lost_kernel_pages,
        "pages of the host's kernel are missing: makedumpfile up to 1.7.9 does not know struct page of Linux 7.1 and newer, "
          + "and its -d 8 to -d 31 leave kernel memory out; dump with -d 1 or -d 17, or with a newer makedumpfile")
    }
    guard let listed = word.listed else { return }
    vendor = listed.types.vendor == .amd ? .amd : .intel
    if let damage = listed.damage { warn(.vm_list, "the host kernel's list of VMs is damaged: \(damage)") }
    for vm in listed.vms {
      switch vm.memory {
      case .failure(let fault): noteLostSlots(of: vm.kvm, fault)
      case .success(let memory):
        if let gap = memory.gap {
          warn(
            .lost_slots,
            "the host kernel's VM at \(vm.kvm): outside of \(memory.slots.count) memory slots its memory is what \(vendor.tables) "
              + "maps, which may not be all of it: \(gap)")
        }
      }
      for fault in vm.faults { warn(.lost_vm, "the host kernel's VM at \(vm.kvm): \(fault)") }
      if vm.faults.isEmpty, vm.vcpus.isEmpty { warn(.no_vcpu, "the host kernel's VM at \(vm.kvm) has no vCPU yet") }
    }
  }

  private mutating func noteLostSlots(of kvm: VirtualAddress, _ fault: VMMemoryFault) {
    warn(
      .lost_slots,
      "the host kernel's VM at \(kvm): its memory is what \(vendor.tables) maps, which may not be all of it: \(fault)")
  }

  mutating func note(_ sources: LayoutSources) {
    for remark in sources.remarks { warn(.vmcsinfo, "VMCSINFO: \(remark)") }
  }

  mutating func note(_ host: FoundHost) {
    unseen = host.unseen
    for vm in host.vms { if let fault = vm.memoryFault { noteLostSlots(of: vm.kvm, fault) } }
    for (kvm, why) in host.unreadable { warn(.lost_vm, "the host kernel lists a VM at \(kvm): \(why)") }
    nearMisses += host.nearMisses
    for refusal in host.refused { warn(.layout_refused, refusal) }
    for difference in host.differences.prefix(Self.differenceLimit) {
      warn(.ways_differ, "the host's kernel and a look at every page differ: \(difference)")
    }
    if host.differences.count > Self.differenceLimit {
      warn(.ways_differ, "and in \(host.differences.count - Self.differenceLimit) more points")
    }
    if let unknown = host.unknown {
      let ids = unknown.revisionIDs.map { hex($0) }.joined(separator: ", ")
      warn(
        .unknown_layout,
        "no known layout reads the \(unknown.regions) VMCS regions of this host (revision \(ids)): its guests and all of "
          + "their memory are there by the host kernel's own word, of their registers what KVM has copied and what these "
          + "copies settle ('layout infer' shows it); give the processor's layout with --layout FILE or --vmcsinfo PATH"
      )
    }
    for (region, reason) in host.defunct { defunct.append(.init(vmcs: .init(region.rawValue), evidence: reason.entry)) }
    for (region, indicator) in host.aborted {
      warn(.vmx_abort, "VMCS \(region): VMX abort indicator \(indicator), its last exit was cut short")
    }
  }

  mutating func note(_ guests: [Guest], _ mapping: GuestMapping.Result, _ claims: Claims.Result) {
    if let tables = mapping.unreadTables {
      warn(
        .not_counted,
        "the guests' pages are not counted: they stand in some \(tables) page tables; --scan counts them")
    }
    if mapping.unreadTables == nil, guests.contains(where: { $0.mapped.shared == nil }) {
      warn(
        .not_counted,
        "the frames that guests share are not counted: that takes more memory than --memory leaves for it")
    }
    for (region, reason) in claims.dropped {
      warn(.forged, "the guest of \(vendor.region) \(region) is not written: \(reason)")
    }
    for (region, limit) in mapping.tooLarge {
      warn(
        .map_too_large,
        "the guest of \(vendor.region) \(region) is not written: the map of its pages needs more than the \(limit >> 10) KiB that "
          + "--memory leaves for it")
    }
    for kvm in unseen {
      warn(.unseen_vm, "the host kernel lists a VM at \(kvm), and the dump holds no \(vendor.region) of it")
    }
    for guest in guests {
      counters["map_workers"] = max(counters["map_workers", default: 0], UInt64(guest.map.workers))
      counters["map_workers_\(guest.name)"] = UInt64(guest.map.workers)
      counters["ept_tables", default: 0] += guest.map.counts.tables
      counters["ept_leaves", default: 0] += guest.map.counts.leaves
      note(guest)
    }
  }

  private mutating func note(_ oddity: MapCounts.Oddity, of guest: Guest, _ what: String) {
    guard let first = oddity.first else { return }
    warn(.map_differs, "\(guest.name): \(oddity.count) pages, the first at GPA \(first), \(what)")
  }

  /// What is known of a guest without its slots.
  private mutating func note(_ join: BlockJoin.Outcome?, of guest: Guest) {
    guard let join else { return }
    let unknown = "blocks that EPT never touched cannot be known"
    if join.slots.isEmpty {
      let why = join.fault.map { "\($0)" } ?? "the page tables of its VMM show no block of it"
      warn(
        .unknown_slots, "\(guest.name): without its memory slots its memory is what EPT maps, for \(why); \(unknown)")
    } else {
      let pages = guest.map.sources[.join] ?? 0
      warn(
        .unknown_slots,
        "\(guest.name): without its memory slots its memory is what EPT maps, and \(pages) pages that the page tables of "
          + "its VMM have in the blocks (\(join.slots.count)) which EPT shows there; \(unknown)"
          + (join.fault.map { ", and \($0)" } ?? ""))
    }
    note(
      join.contradicting, of: guest,
      "that its EPT maps between those of a block lie elsewhere in its VMM: nothing around them is added")
    note(join.tied, of: guest, "that its EPT lacks are in two places of its VMM which do not agree: they are left out")
  }

  private mutating func note(_ guest: Guest) {
    let counts = guest.map.counts
    if counts.isIncomplete {
      warn(
        .map_incomplete,
        "\(guest.name): its \(vendor.tables) is incomplete: \(counts.absentTables) tables absent, "
          + "\(counts.badTables) damaged, \(counts.misconfigured) entries misconfigured, \(counts.loops + counts.shared) refused"
      )
    }
    if let first = counts.unread.first {
      warn(
        .map_incomplete,
        "\(guest.name): whether it has \(counts.unread.count) pages, the first at GPA \(first), is not known: what the host's "
          + "kernel has in memory of the files that its VMM maps cannot be read whole")
    }
    note(counts.outside, of: guest, "that its \(vendor.tables) maps lie outside its memory slots and are left out")
    note(counts.unbacked, of: guest, "that its \(vendor.tables) maps are not in the page tables of its VMM")
    note(
      counts.differing, of: guest,
      "are other frames in its \(vendor.tables) than in the page tables of its VMM: those of \(vendor.tables) are taken"
    )
    note(guest.mapped.join, of: guest)
    if guest.isEncrypted {
      warn(
        .encrypted,
        "\(guest.name): its memory is encrypted (AMD SEV) with a key that no dump holds: it is listed and not written")
    } else if guest.identity == nil, guest.map.heldPages > 0 || !guest.map.isCounted {
      warn(
        .no_identity,
        "\(guest.name): no Linux kernel's VMCOREINFO agrees with its vCPUs: crash opens its dump by the CPU notes if Linux "
          + "ran, libkdumpfile reads its pages; drgn and makedumpfile will not open it; a kdump's utsname is a placeholder"
      )
    }
    if guest.otherIdentities > 0 {
      warn(
        .other_vmcoreinfo,
        "\(guest.name): \(guest.otherIdentities) other VMCOREINFO texts in its memory agree with fewer vCPUs: not used")
    }
    for (index, vcpu) in guest.vcpus.enumerated() {
      let name = "\(guest.name): vCPU \(index)"
      let unknown = vcpu.registers.unknown.filter(VCPU.expected.contains)
      if vcpu.region == nil || vcpu.unread != nil && vcpu.unread != .unknownLayout {
        let what = vcpu.unread.map { "\($0)" } ?? "its \(vendor.region) is not in the dump"
        let rest = unknown.count == VCPU.expected.count ? "all registers unknown" : "not all registers are known"
        warn(.no_vmcs, "\(name): \(what): \(rest), written as 0")
      }
      if !unknown.isEmpty, unknown.count < VCPU.expected.count || vcpu.unread == .unknownLayout {
        let names = unknown.joined(separator: ", ")
        warn(.unknown_registers, "\(name): \(names) unknown, written as 0 in notes")
      }
    }
  }
}

extension VCPU {
  /// Registers that a note needs, and whose lack is therefore worth a warning.
  static let expected = Set(
    Register.general.map(\.rawValue) + [Register.rip, .rflags, .cr0, .cr2, .cr3, .cr4].map(\.rawValue)
      + SegmentRegister.allCases.map(\.rawValue) + ["gdtr", "idtr", Register.kernel_gs_base.rawValue])
}

extension Inspection {
  /// The manifest without outputs: what `list --json` prints.
  public func manifest() -> Manifest {
    let summary = dump.summary
    var manifest = Manifest(
      tool: .init(name: "vmcs-split", version: toolVersion),
      input: .init(
        files: [.init(name: Self.name(of: dump.input.path), size: dump.input.file.size)], format: summary.format,
        headerVersion: summary.headerVersion, codecs: [(summary.codec ?? .raw).name], dumpLevel: summary.dumpLevel,
        kernelRelease: dump.vmcoreinfo?.osrelease, frames: summary.frames, storedPages: summary.storedPages))
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
      ram: guest.map.ram.map { .init(start: .init($0.lowerBound), end: .init($0.upperBound)) },
      slots: guest.slots?.map(Self.entry),
      pages: .init(
        known: guest.map.isCounted ? guest.map.knownPages : nil, ept: pages(guest, by: .tables),
        slots: guest.slots.flatMap { _ in pages(guest, by: .slots) },
        join: guest.mapped.join.flatMap { _ in pages(guest, by: .join) },
        pageCache: guest.slots.flatMap { _ in pages(guest, by: .pageCache) }, untouched: guest.map.untouchedPages,
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
        bytes: summaries[position].bytes)
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

/// What the steps have to say beside their results: warnings, counters, and who was turned away.
struct Findings: Sendable {
  private(set) var warnings: [Manifest.Warning] = []
  private(set) var defunct: [Manifest.Defunct] = []
  private(set) var nearMisses: [String] = []
  private(set) var counters: [String: UInt64] = [:]
  private(set) var host: Manifest.Host?
  /// Whose processors the host has.
  private(set) var vendor = Vendor.intel
  /// The host kernel's, where it has a VMCOREINFO.
  private(set) var release: String?

  /// VMs that the host kernel lists and that no region in the dump belongs to; told after the guests.
  private var unseen: [VirtualAddress] = []
  private(set) var discovery: Manifest.Discovery?
  private var remarks: Set<Remark> = []
  private static let differenceLimit = 16

  init(_ dump: any HostDump, _ sources: LayoutSources) {
    noteRemarks(of: dump)
    for remark in sources.remarks { warn(.vmcsinfo, "VMCSINFO: \(remark)") }
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
    counters["candidates"] = scan.regions.count + scan.vmcbs.count
    if scan.badPages > 0 {
      warn(
        .bad_pages,
        "at least \(scan.badPages) pages of the host dump are damaged or lost, by their heads; what guests lose of it is "
          + "said for each")
    }
    noteRemarks(of: dump)
  }

  mutating func note(_ word: HostWord, _ scan: HeadScan, _ found: FoundHost, of dump: any HostDump) {
    note(word, scan, of: dump)
    note(found)
  }

  private mutating func note(_ word: HostWord, _ scan: HeadScan, of dump: any HostDump) {
    release = word.release
    if dump.vmcoreinfo == nil {
      warn(
        .no_vmcoreinfo,
        "\(dump.input.path): no VMCOREINFO, "
          + (word.kernel == nil
            ? "so guests are told from forgeries by pointers alone, not by the kernel's own page tables"
            : "so that of the one kernel in memory counts that the guests' VMCSs, or VMCBs, lead to"))
    }
    note(scan, of: dump)
    host = word.entry(dump.vmcoreinfo)
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
    vendor = listed.types.vendor ?? .intel
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

  private mutating func note(_ host: FoundHost) {
    vendor = host.vendor
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
      let found =
        unknown.isByStructure
        ? "its guests are there by the structures that its pages lead to, of their registers what KVM has copied"
        : "its guests and all of their memory are there by the host kernel's own word, of their registers what KVM has "
          + "copied and what these copies settle ('layout infer' shows it)"
      warn(
        .unknown_layout,
        "no known layout reads the \(unknown.regions) VMCS regions of this host (revision \(ids)): \(found); give the "
          + "processor's layout with --layout FILE or --vmcsinfo PATH"
          + (unknown.likeness.map { "; \($0) ('layout show ID' writes it for --layout, without its line 'revision')" }
            ?? ""))
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
    for reason in Set(guests.compactMap { $0.memory.swapped?.reasons }.joined()).sorted() {
      warn(
        .zswap_unread,
        "pages that the host's kernel keeps compressed (zswap) are not read, and count as swapped: \(reason)")
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
    let tables = vendor.tables
    let unknown = "blocks that \(tables) never touched cannot be known"
    if join.slots.isEmpty {
      let why = join.fault.map { "\($0)" } ?? "the page tables of its VMM show no block of it"
      warn(
        .unknown_slots,
        "\(guest.name): without its memory slots its memory is what \(tables) maps, for \(why); \(unknown)")
    } else {
      let pages = guest.map.sources[.join] ?? 0
      warn(
        .unknown_slots,
        "\(guest.name): without its memory slots its memory is what \(tables) maps, and \(pages) pages that the page tables "
          + "of its VMM have in the blocks (\(join.slots.count)) which \(tables) shows there; \(unknown)"
          + (join.fault.map { ", and \($0)" } ?? ""))
    }
    note(
      join.contradicting, of: guest,
      "that its \(tables) maps between those of a block lie elsewhere in its VMM: nothing around them is added")
    note(
      join.tied, of: guest,
      "that its \(tables) lacks are in two places of its VMM which do not agree: they are left out")
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

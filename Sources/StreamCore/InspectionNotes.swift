/// What the steps of an inspection have to say beside their results: warnings, counters, and who was turned away.
struct InspectionNotes {
  private(set) var warnings: [Manifest.Warning] = []
  private(set) var defunct: [Manifest.Defunct] = []
  private(set) var nearMisses: [String] = []
  private(set) var counters: [String: UInt64] = [:]

  private var remarks: Set<Remark> = []

  init(_ dump: any HostDump) {
    noteRemarks(of: dump)
    if dump.summary.incomplete { warn("incomplete", "\(dump.file.path): the dump is incomplete, its tail is missing") }
    if dump.vmcoreinfo == nil {
      warn(
        "no_vmcoreinfo",
        "\(dump.file.path): no VMCOREINFO, so guests are told from forgeries by pointers alone, not by the kernel's own "
          + "page tables")
    }
  }

  /// What the dump's reader has found odd and has not said yet.
  mutating func noteRemarks(of dump: any HostDump) {
    for remark in dump.remarks where remarks.insert(remark).inserted {
      switch remark {
      case .oddity(let text): warn("input", "\(dump.file.path): \(text)")
      case .damage(let text): warn("damaged_input", "\(dump.file.path): \(text)")
      }
    }
  }

  mutating func warn(_ code: String, _ text: String) { warnings.append(Manifest.Warning(code: code, text: text)) }

  mutating func note(_ scan: HeadScan) {
    counters["scan_pages"] = scan.pagesScanned
    counters["scan_workers"] = UInt64(scan.workers)
    counters["scan_bad_pages"] = scan.badPages
    counters["candidates"] = scan.regions.count
    if scan.badPages > 0 {
      warn(
        "bad_pages",
        "\(scan.badPages) pages of the host dump are damaged or lost; what guests lose of it is said for each")
    }
  }

  mutating func note(vmcsinfo remarks: [String]) {
    for remark in remarks { warn("vmcsinfo", "VMCSINFO: \(remark)") }
  }

  mutating func note(_ host: FoundHost) {
    for refusal in host.refused { warn("layout_refused", refusal) }
    nearMisses += host.search.nearMisses.map { "\($0.address): \($0.layout): \($0.fault)" }
    for (address, fault) in host.rejected {
      if fault.isDeath {
        defunct.append(.init(vmcs: .init(address.rawValue), evidence: "\(fault)"))
      } else {
        nearMisses.append("\(address): \(host.layout.layout.id): no host evidence: \(fault)")
      }
    }
    for region in host.regions {
      if case .success(let proof) = host.evidence.evidence(for: region.address), case .nested(let vcpu) = proof.role {
        nearMisses.append("\(region.address): vmcs02 of vcpu_vmx \(vcpu): a guest's own guest as the processor runs it")
      }
      if region.abortIndicator != 0 {
        warn(
          "vmx_abort",
          "VMCS \(region.address): VMX abort indicator \(region.abortIndicator), its last exit was cut short")
      }
    }
  }

  mutating func note(_ result: GuestFinder.Result) {
    for (vmcs, reason) in result.dropped {
      warn("forged", "the guest of VMCS \(vmcs) is not written: \(reason)")
    }
    for (vmcs, limit) in result.tooLarge {
      warn(
        "map_too_large",
        "the guest of VMCS \(vmcs) is not written: the map of its pages needs more than the \(limit >> 10) KiB that "
          + "--memory leaves for it")
    }
    for kvm in result.unseen {
      warn("unseen_vm", "the host kernel lists a VM at \(kvm), and the dump holds no VMCS of it")
    }
    for guest in result.guests {
      counters["map_workers"] = max(counters["map_workers", default: 0], UInt64(guest.map.workers))
      counters["map_workers_\(guest.name)"] = UInt64(guest.map.workers)
      counters["ept_tables", default: 0] += guest.map.counts.tables
      counters["ept_leaves", default: 0] += guest.map.counts.leaves
      note(guest, others: result.otherIdentities[guest.id] ?? 0)
    }
  }

  private mutating func note(_ guest: Guest, others: Int) {
    let counts = guest.map.counts
    if counts.isIncomplete {
      warn(
        "map_incomplete",
        "\(guest.name): its EPT is incomplete: \(counts.absentTables) tables absent, \(counts.badTables) damaged, "
          + "\(counts.misconfigured) entries misconfigured, \(counts.loops + counts.shared) refused")
    }
    if guest.identity == nil, guest.map.presentPages > 0 {
      warn(
        "no_identity",
        "\(guest.name): no Linux kernel's VMCOREINFO agrees with its vCPUs: crash opens its dump by the CPU notes if Linux "
          + "ran, libkdumpfile reads its pages; drgn and makedumpfile will not open it; a kdump's utsname is a placeholder"
      )
    }
    if others > 0 {
      warn(
        "other_vmcoreinfo",
        "\(guest.name): \(others) other VMCOREINFO texts in its memory agree with fewer vCPUs: not used")
    }
    for (index, vcpu) in guest.vcpus.enumerated() {
      guard vcpu.region != nil else {
        warn(
          "no_vmcs", "\(guest.name): vCPU \(index): its VMCS is not in the dump: all registers unknown, written as 0")
        continue
      }
      let unknown = vcpu.state.unknown.filter(VCPU.expected.contains)
      if !unknown.isEmpty {
        let names = unknown.joined(separator: ", ")
        warn("unknown_registers", "\(guest.name): vCPU \(index): \(names) unknown, written as 0 in notes")
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

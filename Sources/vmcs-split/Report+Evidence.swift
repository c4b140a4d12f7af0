import StreamCore

extension Report {
  static func lines(_ evidence: Manifest.LayoutEvidence) -> String {
    "  \(evidence.accepted) of \(evidence.candidates) candidate pages pass its content rules\n"
      + "  \(evidence.proven) of them have host evidence\n"
  }

  func lines(_ evidence: Manifest.Evidence) -> String {
    let tables = evidence.pageTables
    let anchor =
      tables.source == "vmcoreinfo"
      ? "swapper_pg_dir from VMCOREINFO" : "named by the regions, for there is no VMCOREINFO"
    var lines = [
      "kernel page tables: \(anchor), at \(hex(tables.root.value)); direct map at \(hex(tables.directMap.value))",
      "struct kvm at \(hex(evidence.kvm.address.value)) names \(evidence.kvm.vcpus) vCPUs, stands in vm_list",
    ]
    lines += evidence.vcpus.map { vcpu in
      "\(vendor.region) \(hex(vcpu.vmcs.value)): \(vendor.holder) at \(hex(vcpu.namedAt.value)) of \(vendor.vcpu) "
        + "\(hex(vcpu.vcpu.value)), "
        + "vCPU \(vcpu.index) of it" + (vcpu.checks.isEmpty ? "" : " (\(vcpu.checks.joined(separator: ", ")))")
    }
    if let info = evidence.vmcoreinfo {
      lines.append(
        "VMCOREINFO at GPA \(hex(info.gpa.value)): the page tables of \(info.agreeing) of \(info.asked) vCPUs with paging "
          + "agree")
    }
    lines += (evidence.blocks ?? []).map { block in
      "memory at GPA \(hex(block.gpa.value)), \(block.bytes >> 10) KiB: \(vendor.tables) shows it at "
        + "\(hex(block.hva.value)) of the VMM"
    }
    return lines.map { "  \($0)\n" }.joined()
  }

  static func line(_ evidence: Manifest.DeathEvidence) -> String {
    switch evidence.reason {
    case "released": "dead: its loaded_vmcs was cleared"
    case "kvm_unmapped": "dead: its VM at \(evidence.kvm.map { hex($0.value) } ?? "?") is unmapped"
    case "kvm_unlisted":
      "dead: its VM at \(evidence.kvm.map { hex($0.value) } ?? "?") was taken off the list of VMs"
    case "thread_gone": "dead: its thread's stack and memory are unmapped"
    default: "dead: \(evidence.reason)"
    }
  }
}

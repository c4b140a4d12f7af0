extension EvidenceFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notJudged(let region): "region \(region) was not judged"
    case .noField(let name): "the layout lacks \(name)"
    case .hostCR3(let value, let half): "HOST_CR3 \(hex(value)) is no table of this kernel: \(half)"
    case .hostRSPUnmapped(let value): "HOST_RSP \(hex(value)) is not mapped by the kernel"
    case .noLoadedVMCS(let region): "no loaded_vmcs names \(region)"
    case .noVCPU(let pointer): "the loaded_vmcs at \(pointer) belongs to no vCPU that a VM names"
    case .place(let pointer, let expected):
      "the loaded_vmcs at \(pointer) is not where the host's vCPUs have vmcs01, at \(expected)"
    case .kvm(let fault): fault.description
    case .notInTable(let vcpu, let kvm): "the VM at \(kvm) does not name the vCPU at \(vcpu)"
    case .dead(let reason): "dead: \(reason)"
    }
  }
}

extension KernelHalf: CustomStringConvertible {
  public var description: String {
    switch self {
    case .same: "the kernel half is the kernel's"
    case .unreadable: "the dump lacks the page"
    case .differs(let entry): "entry \(entry) names another frame"
    case .missing(let entry): "entry \(entry) is not present"
    }
  }
}

extension DeathReason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .released: "its loaded_vmcs was cleared"
    case .kvmUnmapped(let kvm): "its VM at \(kvm) is unmapped"
    case .threadGone: "its thread's stack and memory are unmapped"
    }
  }
}

extension KVMFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unmapped(let kvm): "the VM at \(kvm) is unmapped"
    case .unreadable(let kvm): "the VM at \(kvm) is no kernel address, or the dump lacks its page tables"
    case .inImage(let kvm): "the VM at \(kvm) lies in the kernel image"
    case .unaligned(let kvm): "the VM at \(kvm) does not begin a page"
    case .inDirectMap(let kvm): "the VM at \(kvm) lies in the direct map, and the kernel's list of VMs lacks it"
    case .noVCPUTable(let kvm): "the VM at \(kvm) names no vCPU"
    case .notListed(let kvm): "the kernel's list of VMs lacks the VM at \(kvm)"
    }
  }
}

extension HostKernelFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing(let key): "the host's VMCOREINFO lacks \(key)"
    case .unreadableTable(let table): "the dump lacks the kernel's top-level page table at \(table)"
    case .noKernelImage(let table): "the table at \(table) does not map the kernel image"
    case .noDirectMap(let table): "no direct map shows \(table)"
    case .noPointer: "no region leads to a pointer of the kernel's direct map"
    case .ambiguous(let table):
      "regions lead to page tables of several kernels, such as those at \(table), and there is no VMCOREINFO to tell which "
        + "are the host's"
    }
  }
}

/// The VMs of the host kernel's own list, settled by its symbol before any region is looked at: nothing that a guest
/// writes leads here. Source: virt/kvm/kvm_main.c, vm_list; Documentation/kvm.md §5, §8.
struct ListedVMs: Sendable {
  let types: KVMTypes
  let vmList: VMList
  /// Where the list is not sound.
  let damage: KernelListWalk.Break?
  private(set) var vms: [ListedVM]
  /// The vCPU that each region is named by, and what it is to it.
  private(set) var claims: [HPA: Claim] = [:]
  /// Frames of these regions.
  private(set) var regionFrames = FrameBitmap()

  struct Claim: Sendable {
    /// The VM.
    let kvm: VirtualAddress
    let vcpu: ListedVCPU
    let isNested: Bool
  }

  /// - Parameters:
  ///   - head: `vm_list`.
  ///   - open: the VMs that processes hold open, for what the list's own structures do not tell.
  init(
    head: VirtualAddress, _ types: KVMTypes, kernel: LinuxKernel, processes: ProcessKnowledge,
    open: OpenVMs? = nil
  ) {
    self.types = types
    let walk = KernelListWalk(head: head, kernel: kernel)
    damage = walk.damage(head: head)
    var nodes = walk.nodes
    if case .node(let lost) = damage { nodes.insert(lost, at: nodes.count - walk.behind) }
    vmList = VMList(list: KernelList(head: head, nodes: nodes), offset: Int(clamping: types.list))
    var members = vmList.members
    if let open, case .open = damage { members += open.kvms.subtracting(members).sorted() }
    vms = members.map {
      ListedVM(at: $0, types, kernel: kernel, processes: processes, open: open?.vcpus[$0] ?? [])
    }
    claim()
  }

  /// Asks which VM each is.
  mutating func identify(_ kernel: DescribedKernel) {
    let places = ProcessPlaces(kernel.types)
    var budget = ProcessBudget()
    for index in vms.indices { vms[index].identity = VMIdentity(of: vms[index], types, kernel, places, &budget) }
  }

  /// Asks each for its clocks.
  mutating func readClocks(_ kernel: DescribedKernel) {
    let types = VMClockTypes(kernel.types)
    let reader = kernel.reader
    for index in vms.indices {
      vms[index].clock = Result { () throws(KernelFault) in try types.clock(of: vms[index], reader) }
    }
  }

  /// A region that two vCPUs name is nobody's: one of the pointers is damaged.
  private mutating func claim() {
    var shared: Set<HPA> = []
    for vm in vms {
      for vcpu in vm.vcpus {
        for (region, isNested) in [(vcpu.region, false), (vcpu.nested, true)] {
          guard let region else { continue }
          if claims.updateValue(Claim(kvm: vm.kvm, vcpu: vcpu, isNested: isNested), forKey: region) != nil {
            shared.insert(region)
          }
        }
      }
    }
    for region in shared { claims[region] = nil }
    if !shared.isEmpty {
      for index in vms.indices { vms[index].refuse(shared) }
    }
    for region in claims.keys { regionFrames.insert(region.frame) }
    regionFrames.freeze()
  }

  /// Whether there are vCPUs, and no place in which the types say that they name their region does: then it is the types
  /// that are wrong, and not one vCPU. A VMCS begins with its revision, of 31 bits, and a clear bit (SDM vol. 3, 26.2); a
  /// VMCB intercepts VMRUN.
  func namesNoRegion(in memory: any PhysicalMemory) -> Bool {
    let vcpus = vms.flatMap(\.vcpus)
    guard types.vcpu != nil, !vcpus.isEmpty else { return false }
    return vcpus.allSatisfy { vcpu in
      guard let region = vcpu.region else {
        if case .noVMCS = vcpu.fault { return true }
        return false
      }
      guard let page = memory.page(region.frame).page else { return false }
      if types.vendor == .amd { return !VMCB(address: region, page: page).interceptsVMRUN }
      return page.u32(0) == 0 || page.u32(0) >> 31 == 1
    }
  }

  /// Where the VM-entry MSR-load area of a named region stands: a part of its `vcpu_vmx`, whose address KVM wrote into the
  /// region when it made it. `nil`: the types do not tell. Source: KVM, init_vmcs and prepare_vmcs02_constant_state.
  func entryMSRLoad(of region: HPA, kernel: LinuxKernel) -> HPA? {
    guard let shape = types.vcpu, let distance = shape.pointerToMSRLoad, let claim = claims[region],
      let start = kernel.physical(ofDirectMap: claim.vcpu.pointer.address.rawValue)
    else { return nil }
    return HPA(rawValue: start.rawValue &+ shape.startToPointer &+ distance)
  }

  /// The first thing that the list does not tell; `nil`: every VM of it leads to all of its vCPUs' regions.
  var gap: String? {
    if let damage { return "vm_list: \(damage)" }
    if types.vcpu == nil { return "the kernel's types lack vcpu_vmx and vcpu_svm" }
    for vm in vms {
      if let fault = vm.faults.first { return "the VM at \(vm.kvm): \(fault)" }
    }
    return nil
  }
}

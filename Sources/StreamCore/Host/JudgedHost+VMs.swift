extension JudgedHost {
  /// The VMs of which a region is proven, each with all vCPUs that its table names; a vmcs02 is no vCPU of its own.
  /// - Parameter listed: by the kernel's own list, with their memory and names.
  func vms(_ listed: ListedVMs?) -> [ProvenVM] {
    let loadsEFER = VMCSRegion.hostLoadsEFER(regions)
    let told = Dictionary((listed?.vms ?? []).map { ($0.kvm, $0) }, uniquingKeysWith: { first, _ in first })
    let regionAt = Dictionary(regions.map { ($0.address, $0) }, uniquingKeysWith: { first, _ in first })
    var proofs: [VirtualAddress: VCPUEvidence] = [:]
    for region in regions {
      guard case .success(let proof) = evidence.evidence(for: region.address), proof.role == .vmcs01 else { continue }
      proofs[proof.vcpu] = proof
    }
    return evidence.kvms.compactMap { kvm in
      let own = kvm.vcpus.compactMap { proofs[$0.address] }
      guard !own.isEmpty else { return nil }
      var memory = try? told[kvm.address]?.memory.get()
      let roots = Dictionary(
        (told[kvm.address]?.vcpus ?? []).map { ($0.pointer.address, $0.roots) },
        uniquingKeysWith: { first, _ in first })
      let vcpus = kvm.vcpus.map { pointer -> VCPU in
        let address = proofs[pointer.address]?.region ?? evidence.region(of: pointer.address)
        var vcpu = vcpu(address.flatMap { regionAt[$0] }, index: pointer.index, loadsEFER)
        if memory != nil, let live = roots[pointer.address] ?? nil, let root = vcpu.root,
          !live.contains(HPA(frame: root.rootFrame))
        {
          // The tables may be freed, and another's by now; the slots know all of the memory.
          vcpu.root = nil
          vcpu.staleRoot = root.rawValue
        }
        vcpu.thread = told[kvm.address]?.identity?.threads[pointer.index]
        if vcpu.region == nil, let address, kernel.memory.page(address.frame).page != nil { vcpu.refused = address }
        return vcpu
      }
      var fault: VMMemoryFault?
      if listed == nil {
        do throws(VMMemoryFault) { memory = try shapedMemory(of: kvm, vcpus, regionAt) } catch { fault = error }
      }
      return ProvenVM(
        kvm: kvm.address, vcpus: vcpus, evidence: lines(own, kvm), evidenceFrames: Set(own.flatMap(\.frames)).sorted(),
        memory: memory, memoryFault: fault, identity: told[kvm.address]?.identity)
    }
  }

  /// The memory of a VM whose kernel has no types.
  private func shapedMemory(
    of kvm: KVMObject, _ vcpus: [VCPU], _ regionAt: [HPA: VMCSRegion]
  ) throws(VMMemoryFault) -> VMMemory? {
    guard let root = vcpus.lazy.compactMap({ $0.region.flatMap { regionAt[$0]?[.HOST_CR3] } }).first else { return nil }
    var seen: Set<UInt64> = []
    let tables = vcpus.compactMap(\.root).filter { seen.insert($0.rootFrame).inserted }.map {
      $0.map(in: kernel.memory)
    }
    return try VMMemory.byShape(of: kvm.address, root: HPA(rawValue: root), tables: tables, kernel: kernel)
  }

  /// VMs that the host kernel lists and that no region in the dump belongs to.
  var unseen: [VirtualAddress] {
    let seen = Set(regions.compactMap { try? evidence.evidence(for: $0.address).get().kvm })
    return evidence.kvms.map(\.address).filter { !seen.contains($0) }
  }

  private func vcpu(_ region: VMCSRegion?, index: Int, _ loadsEFER: Bool) -> VCPU {
    guard let region else { return VCPU(region: nil, tableIndex: index) }
    let registers = region.registerState(hostLoadsEFER: loadsEFER)
    let kvm = states.state(of: region.address)
    let apicAccess = region[.APIC_ACCESS_ADDR] ?? 0
    return VCPU(
      region: region.address, tableIndex: index,
      registers: kvm.map { registers.merged(with: $0, isCR3Guests: region.holdsGuestCR3) } ?? registers, kvm: kvm,
      exitReason: region.exitReason?.description, root: region[.EPT_POINTER].flatMap { try? EPTPointer($0) },
      reservedFrames: apicAccess == 0 ? [] : [apicAccess >> 12])
  }

  private func lines(_ proofs: [VCPUEvidence], _ kvm: KVMObject) -> [String] {
    let anchor = kernel.anchored ? "swapper_pg_dir from VMCOREINFO" : "named by the regions, for there is no VMCOREINFO"
    var lines = [
      "kernel page tables: \(anchor), at \(kernel.root); direct map at \(kernel.directMapBase)",
      "struct kvm at \(kvm.address) names \(kvm.vcpus.count) vCPUs, stands in vm_list",
    ]
    for proof in proofs {
      let checks = proof.checks.map(\.rawValue).sorted().joined(separator: ", ")
      lines.append(
        "VMCS \(proof.region): loaded_vmcs at \(proof.loadedVMCS) of vcpu_vmx \(proof.vcpu), vCPU \(proof.index) of it "
          + "(\(checks))")
    }
    return lines
  }
}

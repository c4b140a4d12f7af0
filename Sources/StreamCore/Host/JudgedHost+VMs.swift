extension JudgedHost {
  /// The VMs of which a region is proven, each with all vCPUs that its table names; a vmcs02 is no vCPU of its own.
  /// - Parameters:
  ///   - listed: by the kernel's own list, with their memory and names.
  ///   - usesShapes: slots of a known shape count.
  func vms(_ listed: ListedVMs?, usesShapes: Bool) -> [ProvenVM] {
    let loadsEFER = VMCSRegion.hostLoadsEFER(regions)
    let told = Dictionary((listed?.vms ?? []).map { ($0.kvm, $0) }, uniquingKeysWith: { first, _ in first })
    let regionAt = Dictionary(regions.map { ($0.address, $0) }, uniquingKeysWith: { first, _ in first })
    var proofs: [VirtualAddress: VCPUEvidence] = [:]
    for region in facts {
      guard case .success(let proof) = evidence.evidence(for: region.address), proof.role == .vmcs01 else { continue }
      proofs[proof.vcpu] = proof
    }
    var cache: RegisterCache?
    if proofs.values.contains(where: { regionAt[$0.region] == nil && vmcbs[$0.region] == nil }) {
      cache = evidence.types.map { RegisterCache($0.all, kernel) }
    }
    return evidence.kvms.compactMap { kvm in
      let own = kvm.vcpus.compactMap { proofs[$0.address] }
      guard !own.isEmpty else { return nil }
      var memory = try? told[kvm.address]?.memory.get()
      let roots = Dictionary(
        (told[kvm.address]?.vcpus ?? []).map { ($0.pointer.address, $0.roots) },
        uniquingKeysWith: { first, _ in first })
      let vcpus = kvm.vcpus.map { pointer -> VCPU in
        let proof = proofs[pointer.address]
        let address = proof?.region ?? evidence.region(of: pointer.address)
        var vcpu: VCPU
        if let region = address.flatMap({ regionAt[$0] }) {
          vcpu = self.vcpu(region, index: pointer.index, loadsEFER)
          inferred?.add(to: &vcpu.registers, of: region.address)
          if unknown != nil {
            vcpu.unread = .unknownLayout
            vcpu.registers.explain("\(VCPU.Unread.unknownLayout), and KVM has no copy that counts")
          }
        } else if let proof, let vmcb = vmcbs[proof.region] {
          vcpu = self.vcpu(vmcb, proof)
        } else if let proof {
          vcpu = self.vcpu(proof, cache)
        } else {
          vcpu = VCPU(region: nil, unread: address.map(unread), tableIndex: pointer.index)
        }
        if memory != nil, let live = roots[pointer.address] ?? nil, let root = vcpu.root,
          !live.contains(HPA(frame: root.rootFrame))
        {
          // The tables may be freed, and another's by now; the slots know all of the memory.
          vcpu.root = nil
          vcpu.staleRoot = root.rawValue
        }
        if vcpu.unread != nil, memory?.isWhole != true { vcpu.reservedFrames = apicAccess(vcpu.root) }
        vcpu.thread = told[kvm.address]?.identity?.threads[pointer.index]
        return vcpu
      }
      var frames = Set(own.flatMap(\.frames))
      var vmm: Result<ProcessPages, VMMTablesFault>?
      var fault: VMMemoryFault?
      if listed == nil {
        let tables =
          vendor == .amd
          ? vmmTables(of: kvm) : vmmTables(of: vcpus.compactMap { $0.region.flatMap { regionAt[$0] } })
        if let root = try? tables.get().root { frames.insert(root.frame) }
        if usesShapes, let pages = try? tables.get() {
          do throws(VMMemoryFault) { memory = try shapedMemory(of: kvm, vcpus, pages) } catch { fault = error }
        }
        vmm = memory == nil ? tables : nil
      }
      return ProvenVM(
        kvm: kvm.address, vcpus: vcpus, evidence: claim(own, kvm), evidenceFrames: frames.sorted(),
        memory: memory, memoryFault: fault, vmm: vmm, identity: told[kvm.address]?.identity,
        clock: told[kvm.address]?.clock)
    }
  }

  /// The page tables of the VMM of a VM whose kernel has no types, as the host state of its regions names them: KVM
  /// writes that, and no guest.
  private func vmmTables(of regions: [VMCSRegion]) -> Result<ProcessPages, VMMTablesFault> {
    let values = regions.compactMap { $0[.HOST_CR3] }.filter { $0 != 0 }
    let roots = Set(values.map { $0 & kernel.frameMask }).sorted()
    guard let root = roots.first else { return .failure(.notNamed) }
    guard roots.count == 1 else { return .failure(.several(HPA(rawValue: root), HPA(rawValue: roots[1]))) }
    let half = kernel.kernelHalf(ofCR3: root)
    guard half == .same else { return .failure(.foreign(HPA(rawValue: root), half)) }
    return .success(processPages(HPA(rawValue: root)))
  }

  /// The same of an AMD host, whose VMCBs have no host state: by the place in `struct kvm` from which page tables of this
  /// kernel's processes are reached.
  private func vmmTables(of kvm: KVMObject) -> Result<ProcessPages, VMMTablesFault> {
    let roots = kvm.processTables(kernel)
    guard let root = roots.first else { return .failure(.notNamed) }
    guard roots.count == 1 else { return .failure(.several(root, roots[1])) }
    return .success(processPages(root))
  }

  private func processPages(_ root: HPA) -> ProcessPages {
    ProcessPages(
      memory: kernel.memory, root: root, levels: kernel.levels, frameMask: kernel.frameMask,
      swapTypes: SwapTypes { [levels = kernel.levels] in SwapLayout(nil, levels: levels) }, mappings: .none)
  }

  /// The memory of a VM whose kernel has no types.
  private func shapedMemory(
    of kvm: KVMObject, _ vcpus: [VCPU], _ pages: ProcessPages
  ) throws(VMMemoryFault) -> VMMemory? {
    var seen: Set<UInt64> = []
    let tables = vcpus.compactMap(\.root).filter { seen.insert($0.rootFrame).inserted }.map {
      $0.map(in: kernel.memory)
    }
    return try VMMemory.byShape(of: kvm.address, pages, tables: tables, kernel: kernel)
  }

  /// VMs that the host kernel lists and that no region in the dump belongs to.
  var unseen: [VirtualAddress] {
    let seen = Set(facts.compactMap { try? evidence.evidence(for: $0.address).get().kvm })
    return evidence.kvms.map(\.address).filter { !seen.contains($0) }
  }

  private func vcpu(_ region: VMCSRegion, index: Int, _ loadsEFER: Bool) -> VCPU {
    let registers = region.registerState(hostLoadsEFER: loadsEFER)
    let kvm = states.state(of: region.address)
    let apicAccess = region[.APIC_ACCESS_ADDR] ?? 0
    return VCPU(
      region: region.address, tableIndex: index,
      registers: kvm.map { registers.merged(with: $0, isCR3Guests: region.holdsGuestCR3) } ?? registers, kvm: kvm,
      exitReason: region.exitReason.map { Sourced($0.description, .vmcs) },
      root: region[.EPT_POINTER].flatMap { try? EPTPointer($0) },
      reservedFrames: apicAccess == 0 ? [] : [apicAccess >> 12])
  }

  /// A vCPU whose region tells nothing, by what KVM has of it.
  private func vcpu(_ proof: VCPUEvidence, _ cache: RegisterCache?) -> VCPU {
    let why = unread(proof.region)
    var vcpu = VCPU(region: proof.region, unread: why, tableIndex: proof.index)
    vcpu.kvm = states.state(of: proof.region)
    vcpu.registers = vcpu.kvm.map { vcpu.registers.merged(with: $0, isCR3Guests: nil) } ?? vcpu.registers
    if let copy = vcpu.kvm?.registers {
      cache?.add(to: &vcpu.registers, of: proof.vcpu, available: copy.available)
      let reason = cache?.exitReason(of: proof.vcpu).map(ExitReason.init(rawValue:))
      vcpu.exitReason = reason.flatMap { $0.name == nil ? nil : Sourced($0.description, .kvm) }
    }
    inferred?.add(to: &vcpu.registers, of: proof.region)
    vcpu.registers.explain("\(why), and KVM has no copy that counts")
    vcpu.root = evidence.types.flatMap { MMURoot(of: proof.vcpu, $0, kernel: kernel) }.flatMap {
      EPTRoot(at: $0.address, levels: $0.levels, in: kernel.memory)
    }
    return vcpu
  }

  /// The APIC access page, by the place at which KVM maps it into every guest: where KVM's own slots do not tell. Source:
  /// arch/x86/include/asm/apicdef.h, APIC_DEFAULT_PHYS_BASE.
  private func apicAccess(_ root: (any SecondLevelRoot)?) -> [UInt64] {
    root?.map(in: kernel.memory).hostFrame(0xfee00).map { [$0] } ?? []
  }

  private func unread(_ region: HPA) -> VCPU.Unread {
    if kernel.memory.page(region.frame).page == nil { return .absent(vendor) }
    return regions.isEmpty && vendor == .intel ? .unknownLayout : .refused(region, vendor)
  }

  private func claim(_ proofs: [VCPUEvidence], _ kvm: KVMObject) -> Manifest.Evidence {
    Manifest.Evidence(
      pageTables: .init(
        source: kernel.anchored ? "vmcoreinfo" : "regions", root: .init(kernel.root.rawValue),
        directMap: .init(kernel.directMapBase.rawValue)),
      kvm: .init(address: .init(kvm.address.rawValue), vcpus: kvm.vcpus.count),
      vcpus: proofs.map { proof in
        .init(
          vmcs: .init(proof.region.rawValue), namedAt: .init(proof.loadedVMCS.rawValue),
          vcpu: .init(proof.vcpu.rawValue), index: proof.index,
          checks: proof.checks.map(\.rawValue).sorted())
      })
  }
}

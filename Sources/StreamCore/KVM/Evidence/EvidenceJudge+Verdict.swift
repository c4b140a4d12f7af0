extension EvidenceJudge {
  /// The verdicts on all regions.
  func verdicts(_ finder: inout VCPUFinder) -> [HPA: Result<VCPUEvidence, EvidenceFault>] {
    var verdicts: [HPA: Result<VCPUEvidence, EvidenceFault>] = [:]
    for region in regions {
      verdicts[region.address] = Result { () throws(EvidenceFault) in try evidence(for: region, &finder) }
    }
    return verdicts
  }

  /// Judges one region by what all agreed on.
  private func evidence(for region: RegionFacts, _ finder: inout VCPUFinder) throws(EvidenceFault) -> VCPUEvidence {
    if let fault = self.finder.twoLists { throw .kvm(fault) }
    guard let proof = proofs[region.address], let shape else {
      if let reason = death(of: region, &finder) { throw .dead(reason) }
      throw region.hostFieldFault(kernel) ?? pointerFault(of: region, &finder)
    }
    let isNested = nested.contains(region.address)
    if !isNested, proof.startToPointer != shape.startToPointer {
      // What is left of a vCPU can stand behind one that lives.
      if region.vendor == .amd, let reason = death(ofVMCB: region, &finder) { throw .dead(reason) }
      throw .notVMCS01(
        pointer: HPA(rawValue: proof.pointer), expected: HPA(rawValue: proof.start &+ shape.startToPointer))
    }
    if let list, proof.kvm.list.head != list.head { throw .kvm(.notListed(proof.kvm.address)) }
    let vcpu = VirtualAddress(rawValue: kernel.directMapped(HPA(rawValue: proof.start)))
    return VCPUEvidence(
      region: region.address, role: isNested ? .nested(of: vcpu) : .vmcs01, vcpu: vcpu,
      loadedVMCS: HPA(rawValue: proof.pointer), checks: proof.loaded.passed, kvm: proof.kvm.address, index: proof.index,
      isActive: isActive(proof, shape), cpu: cpu(of: region, proof, shape), frames: frames(of: region, proof))
  }

  /// Whether `vcpu_vmx.loaded_vmcs` names this place; `nil` when it names nothing inside its vCPU.
  private func isActive(_ proof: VCPUProof, _ shape: VCPUShape) -> Bool? {
    guard let distance = shape.pointerToLoaded,
      let value = kernel.memory.u64(proof.start &+ shape.startToPointer &+ distance),
      let used = kernel.physical(ofDirectMap: value)?.rawValue
    else { return nil }
    if used == proof.pointer { return true }
    return used > proof.start && used - proof.start < VCPUShape.startReach ? false : nil
  }

  /// Before 5.12 a `vcpu_svm` names its VMCB without a CPU.
  private func cpu(of region: RegionFacts, _ proof: VCPUProof, _ shape: VCPUShape) -> Int32? {
    region.vendor == .amd && shape.pointerToLoaded == nil ? nil : proof.loaded.cpu
  }

  private func frames(of region: RegionFacts, _ proof: VCPUProof) -> [UInt64] {
    var frames: Set<UInt64> = [region.address.frame]
    frames.formUnion(proof.kvm.frames)
    frames.formUnion(proof.start >> 12...(proof.pointer &+ RegionHolder.reach) >> 12)
    if let cr3 = region.hostCR3 { frames.insert((cr3 & kernel.frameMask) >> 12) }
    if let stack = region.hostRSP.flatMap({ kernel.translate(VirtualAddress(rawValue: $0)) }) {
      frames.insert(stack.frame)
    }
    return frames.sorted()
  }

  /// Why a region whose host fields are sound has no vCPU.
  private func pointerFault(of region: RegionFacts, _ finder: inout VCPUFinder) -> EvidenceFault {
    guard let loaded = strayPointer(of: region.address) else { return .noLoadedVMCS(region.address) }
    guard let shape, loaded.address >= shape.startToPointer,
      let named = kernel.memory.u64(loaded.address - shape.startToPointer)
    else { return .noVCPU(pointer: HPA(rawValue: loaded.address)) }
    switch finder.kvm(at: named) {
    case .failure(let fault): return .kvm(fault)
    case .success(let object):
      return .notInTable(vcpu: HPA(rawValue: loaded.address - shape.startToPointer), kvm: object.address)
    }
  }

  /// Freeing a `vcpu_svm` clears nothing in it: what tells is that the VM that it names is gone, or, where VMs lie in the
  /// direct map, off the list. Source: arch/x86/kvm/svm/svm.c, svm_vcpu_free; virt/kvm/kvm_main.c, kvm_destroy_vm.
  private func death(ofVMCB region: RegionFacts, _ finder: inout VCPUFinder) -> DeathReason? {
    guard let place = strayPointer(of: region.address)?.address ?? proofs[region.address]?.pointer, let shape,
      place >= shape.startToPointer, let named = kernel.memory.u64(place - shape.startToPointer)
    else { return nil }
    return end(ofVM: named, &finder)
  }

  /// Why a VM that a vCPU names is no more; `nil`: it is, or nothing tells.
  func end(ofVM named: UInt64, _ finder: inout VCPUFinder) -> DeathReason? {
    guard kernel.isPointer(named), case .failure(let fault) = finder.kvm(at: named) else { return nil }
    if case .unmapped(let address) = fault { return .kvmUnmapped(address) }
    guard let offset = finder.listOffset, kernel.u64(named &+ offset) == Self.poison.next,
      kernel.u64(named &+ offset &+ 8) == Self.poison.previous
    else { return nil }
    return .kvmUnlisted(VirtualAddress(rawValue: named))
  }

  /// What `list_del` leaves. Source: include/linux/poison.h, LIST_POISON1 and LIST_POISON2.
  private static let poison: (next: UInt64, previous: UInt64) = (0xdead_0000_0000_0100, 0xdead_0000_0000_0122)

  /// Signs of a vCPU that is gone, on a region that no convincing pointer leads to. Source: Documentation/vmcs.md §9.
  private func death(of region: RegionFacts, _ finder: inout VCPUFinder) -> DeathReason? {
    if region.vendor == .amd { return death(ofVMCB: region, &finder) }
    guard strayPointer(of: region.address) == nil, finder.pointers(of: region).isEmpty else { return nil }
    if let load = region.entryMSRLoad, let shape, let distance = shape.pointerToMSRLoad, load & 7 == 0,
      load > distance + shape.startToPointer
    {
      let pointer = load - distance
      let bytes = PhysicalBytes(kernel.memory, from: pointer, count: 64)
      if bytes.u64(pointer) == 0, bytes.u64(pointer + 8) == 0, bytes.u32(pointer + 16) == .max {
        return .released
      }
      if let named = kernel.memory.u64(pointer - shape.startToPointer), kernel.isPointer(named),
        case .failure(.unmapped(let address)) = finder.kvm(at: named)
      {
        return .kvmUnmapped(address)
      }
    }
    guard let cr3 = region.hostCR3, let base = region.hostFSBase, base != 0, let stack = region.hostRSP,
      kernel.kernelHalf(ofCR3: cr3) == .same, kernel.translate(VirtualAddress(rawValue: stack)) == nil,
      kernel.translate(VirtualAddress(rawValue: base), through: HPA(rawValue: cr3)) == nil
    else { return nil }
    return .threadGone
  }
}

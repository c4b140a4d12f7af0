extension EvidenceJudge {
  /// Of places for `vmcb01` that tie, the one by which what stands at each other is left of a vCPU that is gone, in a later
  /// object of the same slab. There the object that begins so far before names a VM that is no more, and has its
  /// registers where the living one has its own: more words at more places than a guest can choose of its own vCPU.
  /// Freeing a `vcpu_vmx` empties its `loaded_vmcs`, so that there no such tie is. Source: Documentation/amd.md §3.
  /// - Parameters:
  ///   - votes: by distance and vCPU.
  ///   - own: proofs, by region.
  func placeBeforeLeftover(_ votes: [UInt64: [UInt64: Int]], _ own: [HPA: VCPUProof]) -> UInt64? {
    let most = votes.values.map(\.count).max()
    let leading = Set(votes.filter { $0.value.count == most }.keys)
    let facts = Dictionary(regions.map { ($0.address, $0) }, uniquingKeysWith: { first, _ in first })
    let tied = own.compactMap { region, proof in facts[region].map { ($0, proof) } }
      .filter { leading.contains($0.1.startToPointer) }
    var finder = finder
    let right = leading.filter { place in
      let living = tied.filter { $0.1.startToPointer == place }
      let others = tied.filter { $0.1.startToPointer != place }
      guard let (region, proof) = living.first, !others.isEmpty else { return false }
      let objects = others.compactMap { region, proof in
        leftover(proof, place, &finder).map { (region, start: $0) }
      }
      guard objects.count == others.count else { return false }
      return registerPlaces(of: region, in: proof.start, upTo: place).contains { regs in
        objects.allSatisfy { holds($0.0, at: $0.start &+ regs) }
      }
    }
    return right.count == 1 ? right.first : nil
  }

  /// Slab caches of vCPUs align them so.
  private static let alignment: UInt64 = 64

  /// Where the object begins that has its VMCB named at a place, if that one's VM is no more.
  private func leftover(_ proof: VCPUProof, _ place: UInt64, _ finder: inout VCPUFinder) -> UInt64? {
    guard proof.pointer >= place else { return nil }
    let start = proof.pointer - place
    guard start > proof.start &+ place, (start - proof.start) % Self.alignment == 0,
      let named = kernel.memory.u64(start),
      named & 0xfff == 0 || kernel.isDirectMap(VirtualAddress(rawValue: named)), end(ofVM: named, &finder) != nil
    else { return nil }
    return start
  }

  /// Where `arch.regs` can stand in a vCPU, from its start, by what an exit saves.
  private func registerPlaces(of region: RegionFacts, in start: UInt64, upTo end: UInt64) -> [UInt64] {
    stride(from: 0, to: min(end, VCPUShape.startReach), by: 8).filter { holds(region, at: start &+ $0) }
  }

  /// Whether a vCPU's registers begin at a place: RAX, RSP, and RIP, which may have moved on by one instruction.
  private func holds(_ region: RegionFacts, at regs: UInt64) -> Bool {
    guard let saved = region.saved, let rsp = region.guestRSP, rsp | saved.rip != 0 else { return false }
    let bytes = PhysicalBytes(kernel.memory, from: regs, count: 136)
    guard bytes.u64(regs) == saved.rax, bytes.u64(regs &+ 32) == rsp, let rip = bytes.u64(regs &+ 128) else {
      return false
    }
    return rip &- saved.rip <= 15
  }
}

/// Judges all regions of a host together: proves the vCPU of each, lets them agree on the distances, and judges each
/// again by what they agreed on.
///
/// Votes count distinct vCPUs that the kernel's own tables of vCPUs name, so a guest that fills its memory with forged
/// regions has no vote. Its own registers, which KVM keeps inside its true `vcpu_vmx`, can be made to look like a
/// `loaded_vmcs`; that gives it one vote a vCPU, and the true `vmcs01` of the same vCPU has one as well.
struct EvidenceJudge {
  let kernel: LinuxKernel
  let regions: [RegionFacts]
  private(set) var finder: VCPUFinder
  private(set) var shape: VCPUShape?
  /// Where each region's address stands, for regions that led to a vCPU.
  private(set) var proofs: [HPA: VCPUProof] = [:]
  private(set) var nested: Set<HPA> = []
  /// The list of VMs that the host's VMs stand in.
  private(set) var list: KernelList?
  /// Convincing pointers whose vCPU could not be proven, for the fault's sake.
  private var stray: [HPA: RegionHolder] = [:]
  private var starts: [UInt64] = []

  init(_ finder: VCPUFinder, regions: [RegionFacts], search: (any PointerSearch)?) throws {
    kernel = finder.kernel
    self.finder = finder
    var seen: Set<HPA> = []
    self.regions = regions.filter { seen.insert($0.address).inserted }
    let hopeful = self.regions.filter { $0.hostFieldFault(kernel) == nil }
    proveByMSRLoad(hopeful)
    findNested(
      hopeful.filter { proofs[$0.address] == nil },
      hits: { region in
        guard let load = region.entryMSRLoad else { return [] }
        return load < 1 << 52 ? [load..<load + VCPUShape.nestedReach] : []
      })
    let rest = hopeful.filter { proofs[$0.address] == nil }
    if let search, proofs.isEmpty, !rest.isEmpty { try proveBySearch(rest, search) }
    agree()
  }

  /// By the kernel's own list, with the kernel's own types: nothing is voted on, and no other region counts.
  /// - Parameter stray: places that name other regions.
  init(
    _ listed: ListedVMs, _ shape: VCPUShape, kernel: LinuxKernel, regions: [RegionFacts], stray: [HPA: RegionHolder]
  ) {
    self.kernel = kernel
    self.stray = stray
    self.shape = shape
    finder = VCPUFinder(kernel: kernel, listed: listed)
    list = listed.vmList.list
    var seen: Set<HPA> = []
    self.regions = regions.filter { seen.insert($0.address).inserted }
    for region in self.regions {
      guard let claim = listed.claims[region.address],
        let start = kernel.physical(ofDirectMap: claim.vcpu.pointer.address.rawValue)?.rawValue,
        case .success(let object) = finder.kvm(at: claim.kvm.rawValue)
      else { continue }
      let pointer = start &+ (claim.isNested ? listed.types.vmcs02 ?? 0 : shape.startToPointer)
      let bytes = PhysicalBytes(kernel.memory, from: pointer & ~7, count: RegionHolder.reach)
      let loaded = RegionHolder(at: pointer, of: region, bytes: bytes, kernel: kernel)
      proofs[region.address] = VCPUProof(
        start: start, pointer: pointer, loaded: loaded, kvm: object, index: claim.vcpu.pointer.index)
      if claim.isNested { nested.insert(region.address) }
    }
    starts = listed.vms.flatMap(\.vcpus)
      .compactMap { kernel.physical(ofDirectMap: $0.pointer.address.rawValue)?.rawValue }.sorted()
  }

  /// The usual way: the MSR-load address leads into `vcpu_vmx`. First guesses, then everywhere, then again by what the
  /// proven ones agreed on; VMs in the direct map only when there are none elsewhere. Where it led nobody, a search of
  /// all memory may.
  private mutating func proveByMSRLoad(_ hopeful: [RegionFacts]) {
    let open = hopeful.map { ($0, finder.pointers(of: $0)) }.filter { !$0.1.isEmpty }
    prove(open)
    for (region, pointers) in open where proofs[region.address] == nil { stray[region.address] = pointers.first }
  }

  private mutating func prove(_ open: [(RegionFacts, [RegionHolder])]) {
    for space in [VCPUFinder.Space.vmalloc, .any] where proofs.isEmpty {
      for (region, pointers) in open {
        settle(region, pointers) { $0.prove($1, distances: VCPUShape.guesses, in: space) }
      }
      // Also when a guess led somewhere: a guest's registers can stand at the distance of another kernel.
      for (region, pointers) in open where proofs[region.address] == nil {
        settle(region, pointers) { $0.proveAnywhere($1, in: space) }
      }
    }
    agree()
    guard let shape else { return }
    for (region, pointers) in open where proofs[region.address]?.startToPointer != shape.startToPointer {
      let first = proofs.removeValue(forKey: region.address)
      settle(region, pointers) { $0.prove($1, distances: [shape.startToPointer], in: .any) }
      if proofs[region.address] == nil { proofs[region.address] = first }
    }
  }

  private mutating func settle(
    _ region: RegionFacts, _ pointers: [RegionHolder], by prove: (inout VCPUFinder, RegionHolder) -> VCPUProof?
  ) {
    for loaded in pointers where proofs[region.address] == nil { proofs[region.address] = prove(&finder, loaded) }
  }

  /// The other way: places that a search of all memory found.
  private mutating func proveBySearch(_ rest: [RegionFacts], _ search: any PointerSearch) throws {
    let hits = try search.pointers(to: rest.map { kernel.directMapped($0.address) })
    let hitsOf = { [kernel] (region: RegionFacts) in
      (hits[kernel.directMapped(region.address)] ?? []).filter { $0.rawValue < 1 << 52 }.prefix(16)
        .map { $0.rawValue..<$0.rawValue + 8 }
    }
    let open = rest.map { region in
      (region, hitsOf(region).compactMap { finder.pointer(at: $0.lowerBound, of: region) })
    }
    prove(open.filter { !$0.1.isEmpty })
    agree()
    findNested(rest.filter { proofs[$0.address] == nil }, hits: hitsOf)
    for (region, pointers) in open where proofs[region.address] == nil && stray[region.address] == nil {
      stray[region.address] = pointers.first
    }
  }

  /// Regions whose address stands behind `vmcs01` in a proven vCPU: `nested.vmcs02`.
  private mutating func findNested(_ regions: [RegionFacts], hits: (RegionFacts) -> [Range<UInt64>]) {
    guard let shape else { return }
    for region in regions {
      let value = kernel.directMapped(region.address)
      for range in hits(region) {
        let from = range.lowerBound & ~7
        let bytes = PhysicalBytes(
          kernel.memory, from: from, count: range.upperBound &- range.lowerBound &+ RegionHolder.reach)
        let found = stride(from: from, to: max(from, range.upperBound), by: 8).first { bytes.u64($0) == value }
        // Farther on is another object, or what is left of one.
        guard let found, let start = starts.last(where: { $0 <= found }), found > start + shape.startToPointer,
          found - start - shape.startToPointer < VCPUShape.nestedReach
        else { continue }
        let loaded = RegionHolder(at: found, of: region, bytes: bytes, kernel: kernel)
        guard loaded.isConvincingNested, let proof = finder.prove(loaded, start: start, in: .any) else { continue }
        proofs[region.address] = proof
        nested.insert(region.address)
        break
      }
    }
  }

  /// Lets the proven vCPUs agree on the distances and on the list of VMs.
  private mutating func agree() {
    let own = proofs.filter { !nested.contains($0.key) }
    var votes: [UInt64: [UInt64: Int]] = [:]
    for proof in own.values {
      let strength = proof.loaded.passed.intersection(RegionHolder.strong).count
      votes[proof.startToPointer, default: [:]][proof.start] = strength
    }
    guard let winner = Self.pointerPlace(votes) ?? placeBeforeLeftover(votes, own) else { return }
    let agreed = own.filter { $0.value.startToPointer == winner }
    var loads: [UInt64: Int] = [:]
    for region in regions {
      guard let proof = agreed[region.address], let load = region.entryMSRLoad, load > proof.pointer,
        load - proof.pointer <= VCPUShape.pointerReach
      else { continue }
      loads[load - proof.pointer, default: 0] += 1
    }
    shape = VCPUShape(
      startToPointer: winner, pointerToMSRLoad: Self.winner(loads), pointerToLoaded: loadedDistance(of: agreed))
    list = agreed.values.map(\.kvm.list).min { ($1.nodes.count, $0.head) < ($0.nodes.count, $1.head) }
    starts = Set(proofs.values.flatMap { $0.kvm.vcpus })
      .compactMap { kernel.physical(ofDirectMap: $0.address.rawValue)?.rawValue }.sorted()
  }

  /// `vcpu_vmx.loaded_vmcs` names `vmcs01` itself, or `vmcs02` while the guest's own guest runs.
  private func loadedDistance(of agreed: [HPA: VCPUProof]) -> UInt64? {
    var votes: [UInt64: Int] = [:]
    for proof in agreed.values {
      if let distance = proof.loaded.selfDistance { votes[distance, default: 0] += 1 }
    }
    for other in proofs where nested.contains(other.key) {
      guard let own = agreed.values.first(where: { $0.start == other.value.start }) else { continue }
      let bytes = PhysicalBytes(kernel.memory, from: own.pointer, count: RegionHolder.reach)
      let value = kernel.directMapped(HPA(rawValue: other.value.pointer))
      let distance = stride(from: UInt64(24), to: RegionHolder.reach, by: 8).first {
        bytes.u64(own.pointer + $0) == value
      }
      if let distance { votes[distance, default: 0] += 1 }
    }
    return Self.winner(votes)
  }

  /// Where `vmcs01` stands, by distance and vCPU; `nil` where two places have as many vCPUs: a guest chooses what
  /// stands in its registers, and in what the emulator copies of them, and no tie is decided against it by distance.
  /// Among places that lie close together, `vmcs01` and `vmcs02`, the checks decide, then the nearest.
  private static func pointerPlace(_ votes: [UInt64: [UInt64: Int]]) -> UInt64? {
    let most = votes.values.map(\.count).max()
    let leading = votes.filter { $0.value.count == most }.mapValues { $0.values.reduce(0, +) }
    guard let first = leading.keys.min(), let last = leading.keys.max(), last - first < VCPUShape.nestedReach else {
      return nil
    }
    return winner(leading)
  }

  /// The key with the highest count; of several the lowest.
  private static func winner(_ votes: [UInt64: Int]) -> UInt64? {
    votes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
  }

  /// The pointer that looked like a `loaded_vmcs`, for a region without a proven vCPU.
  func strayPointer(of region: HPA) -> RegionHolder? { stray[region] }
}

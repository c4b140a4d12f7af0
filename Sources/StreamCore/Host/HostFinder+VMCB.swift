extension HostFinder {
  /// VMCBs without evidence that are kept to say why, at most.
  private static let sampleLimit = 1 << 10

  /// The host of an AMD processor whose kernel does not name its VMCBs: by those whose content is right and that vCPUs of
  /// the one list of VMs name. Which processor it is, only the kernel itself says: what a guest keeps of another vendor's
  /// counts for nothing.
  /// - Returns: `nil` where the host is none, or nothing proves a VMCB.
  func amdByContent(_ kernel: LinuxKernel) throws -> JudgedHost? {
    let accepted = try VMCBSearch.run(scan.vmcbs, memory: memory, workers: workers).accepted
    let sieve = EvidenceSieve(kernel: kernel, listed: word.listed, head: word.head)
    let (regions, evidence) = try evidence(byContentOf: accepted, holders(of: accepted, kernel), sieve)
    return judged(regions, evidence, accepted: accepted)
  }

  /// The VMCBs that may have evidence, those of which it is to be said why not, and what proves the former.
  private func evidence(
    byContentOf accepted: FrameBitmap, _ holders: VMCBHolders, _ sieve: EvidenceSieve
  ) throws -> (regions: [RegionFacts], evidence: HostEvidence) {
    var sieve = sieve
    let kernel = holders.kernel
    var known = KnownPlaces()
    var regions: [HPA: RegionFacts] = [:]
    for stage in EvidenceSieve.Stage.allCases where stage != .old || regions.isEmpty {
      holders.forEach { region, holder in
        guard holder.isConvincing, sieve.passes([holder], stage) else { return }
        known.insert(kernel.directMapped(region.address), at: holder.address)
        regions[region.address] = region
      }
    }
    addNested(&regions, &known, holders, sieve.finder)
    addOthers(&regions, &known, holders, accepted)
    var evidence = try evidence(sieve.finder, regions, known)
    if addNamed(&regions, &known, by: evidence) { evidence = try self.evidence(sieve.finder, regions, known) }
    return (regions.values.sorted { $0.address < $1.address }, evidence)
  }

  private func holders(of vmcbs: FrameBitmap, _ kernel: LinuxKernel) throws -> VMCBHolders {
    let scan = VMCBPairScan(dump: dump, decoders: decoders, workers: workers, kernel: kernel, vmcbs: vmcbs)
    return VMCBHolders(kernel: kernel, vmcbs: vmcbs, frames: try scan.run())
  }

  private func evidence(
    _ finder: VCPUFinder, _ regions: [HPA: RegionFacts], _ known: KnownPlaces
  ) throws -> HostEvidence {
    try HostEvidence(finder, regions: regions.values.sorted { $0.address < $1.address }, search: known)
  }

  /// VMCBs that a vCPU names behind its own: its guest's own guest's.
  private func addNested(
    _ regions: inout [HPA: RegionFacts], _ known: inout KnownPlaces, _ holders: VMCBHolders, _ finder: VCPUFinder
  ) {
    let starts = finder.kvms.values.compactMap { try? $0.get() }.flatMap(\.vcpus)
      .compactMap { finder.kernel.physical(ofDirectMap: $0.address.rawValue)?.rawValue }.sorted()
    holders.forEach { region, holder in
      guard regions[region.address] == nil, let start = starts.last(where: { $0 <= holder.address }),
        holder.address - start < VCPUShape.startReach
      else { return }
      known.insert(finder.kernel.directMapped(region.address), at: holder.address)
      regions[region.address] = region
    }
  }

  /// Of all others those that something names, which may be dead, and a sample.
  private func addOthers(
    _ regions: inout [HPA: RegionFacts], _ known: inout KnownPlaces, _ holders: VMCBHolders, _ accepted: FrameBitmap
  ) {
    let stray = Self.stray(than: Set(regions.keys), holders)
    for (region, holder) in stray {
      known.insert(holders.kernel.directMapped(region.address), at: holder.address)
      regions[region.address] = region
    }
    var left = Self.sampleLimit
    accepted.forEachRun { run in
      for frame in run where left > 0 && regions[HPA(frame: frame)] == nil {
        guard let vmcb = VMCBSearch.vmcb(frame, in: memory) else { continue }
        left -= 1
        regions[vmcb.address] = RegionFacts(vmcb)
      }
    }
  }

  /// VMCBs that a place names as a vCPU does and that are none of `regions`, the first of each.
  private static func stray(than regions: Set<HPA>, _ holders: VMCBHolders) -> [(RegionFacts, RegionHolder)] {
    var seen = regions
    var stray: [(RegionFacts, RegionHolder)] = []
    holders.forEach { region, holder in
      guard stray.count < sampleLimit, holder.isConvincing, seen.insert(region.address).inserted else { return }
      stray.append((region, holder))
    }
    return stray
  }

  /// What vCPUs of the list's VMs name where the others have their VMCB, and that begins in another way: an encrypted
  /// guest's.
  /// - Returns: whether there are any.
  private func addNamed(
    _ regions: inout [HPA: RegionFacts], _ known: inout KnownPlaces, by evidence: HostEvidence
  ) -> Bool {
    let proven = Set(evidence.proven.filter { $0.proof.role == .vmcs01 }.map(\.proof.vcpu))
    let kernel = evidence.kernel
    var isAny = false
    for vcpu in evidence.kvms.flatMap(\.vcpus) where !proven.contains(vcpu.address) {
      guard let shape = evidence.shape, let region = evidence.region(of: vcpu.address), regions[region] == nil,
        let start = kernel.physical(ofDirectMap: vcpu.address.rawValue),
        let vmcb = VMCBSearch.vmcb(region.frame, in: memory)
      else { continue }
      known.insert(kernel.directMapped(region), at: start.rawValue &+ shape.startToPointer)
      regions[region] = RegionFacts(vmcb)
      isAny = true
    }
    return isAny
  }

  private func judged(_ facts: [RegionFacts], _ evidence: HostEvidence, accepted: FrameBitmap) -> JudgedHost? {
    var host = JudgedHost(
      layout: nil, search: RegionSearch(results: []), kernel: evidence.kernel, evidence: evidence, facts: facts,
      states: KVMVCPUStates(evidence: evidence, regions: facts))
    host.vendor = .amd
    for region in facts {
      switch evidence.evidence(for: region.address) {
      case .success(let proof):
        if proof.role == .vmcs01 { host.vmcbs[region.address] = VMCBSearch.vmcb(region.address.frame, in: memory) }
      case .failure(let fault): host.rejected.append((region.address, fault))
      }
    }
    host.rejected = Self.reported(host.rejected)
    host.rejectedCount = accepted.count - min(accepted.count, UInt64(host.vmcbs.count))
    return host.vmcbs.isEmpty ? nil : host
  }

  /// Where every page was looked at: what is left of vCPUs that are gone, beside those that the kernel names, and how what
  /// content proves differs from what the kernel says.
  func withLeftovers(_ named: NamedHost) throws -> JudgedHost {
    guard scan.isOfAllPages, let shape = named.listed.types.vcpu else { return named.amd() }
    let accepted = try VMCBSearch.run(scan.vmcbs, memory: memory, workers: workers).accepted
    guard accepted.count > 0 else { return named.amd() }
    let holders = try holders(of: accepted, named.kernel)
    let stray = Self.stray(than: Set(named.facts.map(\.address)), holders)
    let regions = stray.map(\.0)
    let evidence = HostEvidence(
      named.listed, shape, kernel: named.kernel, regions: regions,
      stray: Dictionary(stray.map { ($0.0.address, $0.1) }, uniquingKeysWith: { first, _ in first }))
    var host = named.amd()
    for region in regions {
      if case .failure(let fault) = evidence.evidence(for: region.address) {
        host.rejected.append((region.address, fault))
      }
    }
    host.rejected = Self.reported(host.rejected)
    // Content knows those with encrypted state by their VMs alone.
    let readable = named.facts.filter { accepted.contains($0.address.frame) }
    host.rejectedCount = accepted.count - UInt64(readable.count)
    // As if the kernel had not been asked at all.
    let content = try self.evidence(byContentOf: accepted, holders, EvidenceSieve(kernel: named.kernel)).evidence
    host.differences = WayDifference.all(named.listed, content, regions: readable)
    return host
  }
}

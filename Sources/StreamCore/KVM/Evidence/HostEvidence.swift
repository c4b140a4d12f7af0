/// Host evidence of all regions of a dump (design §1). Built once from every region that content tests let through;
/// forged ones among them cost time and gain nothing.
public struct HostEvidence: Sendable {
  public let kernel: HostKernel
  /// The distances that the host's vCPUs agree on; `nil` when none was proven.
  public let shape: VCPUShape?
  /// Every VM of the host that was found, by address: those that the regions lead to and those that the kernel's list
  /// of VMs adds.
  public let kvms: [KVMObject]
  private let verdicts: [HPA: Result<VCPUEvidence, EvidenceFault>]

  /// VMs looked at beyond those that regions lead to.
  static let siblingLimit = 4096

  /// - Parameter search: asked once, for regions that do not lead into their vCPU by themselves.
  public init(kernel: HostKernel, regions: [RegionFacts], search: (any PointerSearch)? = nil) {
    self.init(VCPUFinder(kernel: kernel), regions: regions, search: search)
  }

  /// - Parameter finder: may have looked at the regions before.
  init(_ finder: VCPUFinder, regions: [RegionFacts], search: (any PointerSearch)? = nil) {
    let judge = EvidenceJudge(finder, regions: regions, search: search)
    kernel = finder.kernel
    shape = judge.shape
    var finder = judge.finder
    var verdicts: [HPA: Result<VCPUEvidence, EvidenceFault>] = [:]
    for region in judge.regions {
      verdicts[region.address] = Result { () throws(EvidenceFault) in try judge.evidence(for: region, &finder) }
    }
    var kvms: [KVMObject] = []
    var seen: Set<VirtualAddress> = []
    let led = judge.places.values.map(\.kvm).sorted { $0.address < $1.address }
    for object in led where seen.insert(object.address).inserted { kvms.append(object) }
    let siblings = led.first { $0.list != nil && $0.list?.head == judge.list?.head }?.vmList?.members ?? []
    for address in siblings.prefix(Self.siblingLimit) where !seen.contains(address) {
      if case .success(let object) = finder.kvm(at: address.rawValue) { kvms.append(object) }
    }
    self.kvms = kvms.sorted { $0.address < $1.address }
    self.verdicts = verdicts
  }

  /// The evidence for a region, or the first check that failed.
  public func evidence(for region: HPA) -> Result<VCPUEvidence, EvidenceFault> {
    verdicts[region] ?? .failure(.notJudged(region))
  }

  /// The region that a vCPU's `vmcs01` names, whether or not the dump holds it: what tells a caller which vCPUs are
  /// missing.
  public func region(of vcpu: VirtualAddress) -> HPA? {
    guard let shape, let start = kernel.physical(ofDirectMap: vcpu.rawValue),
      let value = kernel.memory.u64(start.rawValue &+ shape.startToPointer), value != 0
    else { return nil }
    let region = HPA(rawValue: value &- kernel.directMapBase.rawValue)
    return region.pageOffset == 0 && kernel.physical(ofDirectMap: value) == region ? region : nil
  }
}

extension EvidenceJudge {
  /// Judges one region by what all agreed on.
  fileprivate func evidence(for region: RegionFacts, _ finder: inout VCPUFinder) throws(EvidenceFault) -> VCPUEvidence {
    guard let place = places[region.address], let shape else {
      if let reason = death(of: region, &finder) { throw .dead(reason) }
      throw region.hostFieldFault(kernel) ?? pointerFault(of: region, &finder)
    }
    let isNested = nested.contains(region.address)
    if !isNested, place.startToPointer != shape.startToPointer {
      throw .place(
        pointer: HPA(rawValue: place.pointer), expected: HPA(rawValue: place.start &+ shape.startToPointer))
    }
    if let list, place.kvm.list?.head != list.head { throw .kvm(.notListed(place.kvm.address)) }
    let vcpu = VirtualAddress(rawValue: kernel.directMapped(HPA(rawValue: place.start)))
    return VCPUEvidence(
      region: region.address, role: isNested ? .nested(of: vcpu) : .vmcs01, vcpu: vcpu,
      loadedVMCS: HPA(rawValue: place.pointer), checks: place.loaded.passed, kvm: place.kvm.address, index: place.index,
      anchored: kernel.anchored, listed: place.kvm.list != nil, isActive: isActive(place, shape),
      cpu: place.loaded.cpu, frames: frames(of: region, place))
  }

  /// Whether `vcpu_vmx.loaded_vmcs` names this place; `nil` when it names nothing inside its vCPU.
  private func isActive(_ place: VCPUPlace, _ shape: VCPUShape) -> Bool? {
    guard let distance = shape.pointerToLoaded,
      let value = kernel.memory.u64(place.start &+ shape.startToPointer &+ distance),
      let used = kernel.physical(ofDirectMap: value)?.rawValue
    else { return nil }
    if used == place.pointer { return true }
    return used > place.start && used - place.start < VCPUShape.startReach ? false : nil
  }

  private func frames(of region: RegionFacts, _ place: VCPUPlace) -> [UInt64] {
    var frames: Set<UInt64> = [region.address.frame]
    frames.formUnion(place.kvm.frames)
    frames.formUnion(place.start >> 12...(place.pointer &+ LoadedVMCS.reach) >> 12)
    if let cr3 = region.hostCR3 { frames.insert((cr3 & HostKernel.frameMask) >> 12) }
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

  /// Signs of a vCPU that is gone, on a region that no convincing pointer leads to. Source: vmx/invariants.md §9.
  private func death(of region: RegionFacts, _ finder: inout VCPUFinder) -> DeathReason? {
    guard strayPointer(of: region.address) == nil, finder.pointers(of: region).isEmpty else { return nil }
    if let load = region.entryMSRLoad, let shape, let distance = shape.pointerToMSRLoad, load & 7 == 0,
      load > distance + shape.startToPointer
    {
      let pointer = load - distance
      let window = PhysicalWindow(kernel.memory, from: pointer, count: 64)
      if window.u64(pointer) == 0, window.u64(pointer + 8) == 0, window.u32(pointer + 16) == .max {
        return .released
      }
      if let named = kernel.memory.u64(pointer - shape.startToPointer), kernel.isPointer(named),
        case .failure(.unmapped(let address)) = finder.kvm(at: named)
      {
        return .kvmUnmapped(address)
      }
    }
    guard let cr3 = region.hostCR3, let base = region.hostFSBase, base != 0, let stack = region.hostRSP,
      kernel.kernelHalf(ofHostCR3: cr3) == .same, kernel.translate(VirtualAddress(rawValue: stack)) == nil,
      kernel.translate(VirtualAddress(rawValue: base), through: HPA(rawValue: cr3)) == nil
    else { return nil }
    return .threadGone
  }
}

// The proof that a region is a vCPU's of this host. Its checks, in the order in which they run; a VMCB has no host state,
// so that 1 and 2 are not asked of it:
//
//  1. RegionFacts+HostFields   the table that HOST_CR3 names has the kernel's half, by the kernel's own tables
//  2. RegionFacts+HostFields   the kernel's own tables map HOST_RSP
//  3. RegionHolder             a place near the region's MSR-load area (else one that a PointerScan finds; of a VMCB one
//                              that a VMCBPairScan finds) holds the region's address and has the looks of a loaded_vmcs, or of
//                              a vmcb01
//  4. KVMObject                what may be the vcpu_vmx around it begins with the address of what may be a struct kvm
//  5. VMList, KernelList       that VM stands in a list that closes and passes a head in the kernel image or a module
//  6. VCPUTable                the VM's own table of vCPUs names that vcpu_vmx
//  7. EvidenceJudge            all proven vCPUs agree on the distance to vmcs01, and the place is there, or behind it
//                              (nested.vmcs02)
//  8. EvidenceJudge+Verdict    all stand in one list of VMs
//  9. EvidenceJudge+Verdict    what passes none of these may be what is left of a dead vCPU: DeathReason
// 10. Claims, in Guest         no frame that all this rests on lies in a page that a guest maps
//
// Where the kernel's own symbols and types lead to its VMs, ListedVMs stands in place of 1 to 6 and 8: vm_list by its
// symbol, each member's table of vCPUs, the region that vmcs01 of each names.
//
// Else EvidenceSieve runs 1 to 6 first, over any number of regions, and keeps those that pass; EvidenceLeftovers adds those
// that may be nested or dead. VCPUFinder is what both use.

/// Host evidence of all regions of a dump (Documentation/design.md §1). Built once from every region that content tests
/// let through; forged ones among them cost time and gain nothing.
struct HostEvidence: Sendable {
  let kernel: LinuxKernel
  /// The distances that the host's vCPUs agree on; `nil` when none was proven.
  let shape: VCPUShape?
  /// Every VM of the host that was found, by address: those that the regions lead to and those that the kernel's list
  /// of VMs adds.
  let kvms: [KVMObject]
  /// Where members stand, by the kernel itself; `nil`: by shape.
  let types: KVMTypes?
  /// VMs of the list that were found by content and cannot be read, or not whole.
  let unreadable: [(kvm: VirtualAddress, fault: KVMFault)]
  private let verdicts: [HPA: Result<VCPUEvidence, EvidenceFault>]

  /// VMs looked at beyond those that regions lead to.
  static let siblingLimit = 4096

  /// - Parameters:
  ///   - finder: may have looked at the regions before.
  ///   - search: asked once, for regions that do not lead into their vCPU by themselves.
  init(_ finder: VCPUFinder, regions: [RegionFacts], search: (any PointerSearch)? = nil) throws {
    let judge = try EvidenceJudge(finder, regions: regions, search: search)
    kernel = finder.kernel
    shape = judge.shape
    var finder = judge.finder
    verdicts = judge.verdicts(&finder)
    var kvms: [KVMObject] = []
    var seen: Set<VirtualAddress> = []
    let led = judge.proofs.values.map(\.kvm).sorted { $0.address < $1.address }
    for object in led where seen.insert(object.address).inserted { kvms.append(object) }
    let siblings = led.first { $0.list.head == judge.list?.head }?.vmList.members ?? []
    var unreadable: [(VirtualAddress, KVMFault)] = []
    for address in siblings.prefix(Self.siblingLimit) where !seen.contains(address) {
      switch finder.kvm(at: address.rawValue) {
      case .success(let object): kvms.append(object)
      case .failure(let fault): unreadable.append((address, fault))
      }
    }
    for object in kvms {
      guard let online = object.fewerThan else { continue }
      unreadable.append((object.address, .fewerVCPUs(found: object.vcpus.count, online: online)))
    }
    // What the kernel's own list says of a VM is told with that.
    self.unreadable = finder.types == nil ? unreadable : []
    self.kvms = kvms.sorted { $0.address < $1.address }
    types = finder.types
  }

  /// By the kernel's own list of VMs: a region counts if a vCPU of one of them names it.
  /// - Parameter stray: places that name others of the regions, which may be what is left of vCPUs that are gone.
  init(
    _ listed: ListedVMs, _ shape: VCPUShape, kernel: LinuxKernel, regions: [RegionFacts],
    stray: [HPA: RegionHolder] = [:]
  ) {
    let judge = EvidenceJudge(listed, shape, kernel: kernel, regions: regions, stray: stray)
    var finder = judge.finder
    self.kernel = kernel
    self.shape = shape
    types = listed.types
    unreadable = []
    kvms = finder.kvms.values.compactMap { try? $0.get() }.sorted { $0.address < $1.address }
    verdicts = judge.verdicts(&finder)
  }

  /// The evidence for a region, or the first check that failed.
  func evidence(for region: HPA) -> Result<VCPUEvidence, EvidenceFault> {
    verdicts[region] ?? .failure(.notJudged(region))
  }

  /// The regions with evidence, by address.
  var proven: [(region: HPA, proof: VCPUEvidence)] {
    verdicts.compactMap { region, verdict in (try? verdict.get()).map { (region, $0) } }
      .sorted { $0.region < $1.region }
  }

  /// The region that a vCPU's `vmcs01` names, whether or not the dump holds it: what tells a caller which vCPUs are
  /// missing.
  func region(of vcpu: VirtualAddress) -> HPA? {
    guard let shape, let start = kernel.physical(ofDirectMap: vcpu.rawValue),
      let value = kernel.memory.u64(start.rawValue &+ shape.startToPointer), value != 0
    else { return nil }
    let region = HPA(rawValue: value &- kernel.directMapBase.rawValue)
    return region.pageOffset == 0 && kernel.physical(ofDirectMap: value) == region ? region : nil
  }
}

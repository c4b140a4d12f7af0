/// The vCPUs that share memory: a guest before its memory is mapped.
struct GroupedGuest: Sendable {
  /// Place among all guests of the host, in the order of their lowest region: by it extents name their owner.
  let index: Int
  /// In the order of their APIC ids.
  let vcpus: [VCPU]
  /// Distinct roots of their second-level maps, the one that most vCPUs use first.
  let roots: [any SecondLevelRoot]
  /// What the claim rests on that this is a guest of the host.
  let evidence: Manifest.Evidence
  /// Host frames, ascending, which that evidence stands in: none of them may be a guest's memory.
  let evidenceFrames: [UInt64]
  /// Its memory by its slots, where the host's kernel tells.
  var memory: VMMemory?
  /// The memory of its VMM, where the slots are not known: what its second-level tables are joined with.
  var vmm: Result<ProcessPages, VMMTablesFault>?
  /// Which VM it is, where the host's kernel tells.
  var vm: VMIdentity?
  /// Its clocks, likewise.
  var clock: Result<VMClock, KernelFault>?

  /// Of its regions, for people who must be told of a guest that has no name.
  var lowestRegion: HPA { Self.lowestRegion(vcpus) }

  private static func lowestRegion(_ vcpus: [VCPU]) -> HPA {
    vcpus.compactMap(\.region).min() ?? HPA(rawValue: .max)
  }

  /// One guest for each VM.
  /// - Throws: `TooManyGuests`.
  static func group(_ vms: [ProvenVM]) throws(TooManyGuests) -> [GroupedGuest] {
    guard vms.count <= Extent.maximumOwners else { throw TooManyGuests(count: vms.count) }
    let ordered = vms.sorted { lowestRegion($0.vcpus) < lowestRegion($1.vcpus) }
    return ordered.enumerated().map { index, vm in
      GroupedGuest(
        index: index, vcpus: Self.ordered(vm.vcpus), roots: roots(vm.vcpus), evidence: vm.evidence,
        evidenceFrames: vm.evidenceFrames, memory: vm.memory, vmm: vm.vmm, vm: vm.identity, clock: vm.clock)
    }
  }

  /// By APIC id where all have one, else by `vcpu_id`, else by their regions' addresses; a vCPU without a region keeps
  /// its place in the VM's table.
  private static func ordered(_ vcpus: [VCPU]) -> [VCPU] {
    let known = vcpus.filter { $0.region != nil }
    let key: (VCPU) -> UInt64
    if vcpus.allSatisfy({ $0.kvm?.apicID != nil }) {
      key = { UInt64($0.kvm?.apicID ?? 0) }
    } else if known.allSatisfy({ $0.kvm?.vcpuID != nil }) {
      key = { $0.kvm?.vcpuID.map(UInt64.init) ?? UInt64($0.tableIndex) }
    } else if known.count == vcpus.count {
      key = { $0.region?.rawValue ?? 0 }
    } else {
      key = { UInt64($0.tableIndex) }
    }
    return vcpus.sorted { (key($0), $0.tableIndex) < (key($1), $1.tableIndex) }
  }

  /// Distinct roots, the most used first, then in the order of the VM's own table.
  private static func roots(_ vcpus: [VCPU]) -> [any SecondLevelRoot] {
    var uses: [UInt64: (count: Int, first: Int, root: any SecondLevelRoot)] = [:]
    for (index, vcpu) in vcpus.enumerated() {
      guard let root = vcpu.root else { continue }
      uses[root.rootFrame, default: (0, index, root)].count += 1
    }
    return uses.values.sorted { ($1.count, $0.first) < ($0.count, $1.first) }.map(\.root)
  }
}

/// More guests than extents can tell apart.
struct TooManyGuests: Error, Equatable {
  var count: Int
}

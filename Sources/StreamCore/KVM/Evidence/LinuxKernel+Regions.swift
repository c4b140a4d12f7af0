extension LinuxKernel {
  /// Tables looked at that are no kernel's or another's, at most.
  private static let tableLimit = 64
  /// Regions that tell of a kernel, at most. A guest that forges more could have all that are looked at.
  static let regionLimit = 1 << 16

  /// A kernel without a VMCOREINFO: the direct map's base follows from the pointers in `vcpu_vmx` alone, the tables are
  /// those that the regions' HOST_CR3 name, and both must agree. `anchored` is false. Source: Documentation/kvm.md
  /// §2.3.
  init(regions: [RegionFacts], memory: any PhysicalMemory) throws(UnanchoredKernelFault) {
    guard regions.count <= Self.regionLimit else { throw .crowded }
    var votes: [UInt64: Int] = [:]
    for region in regions {
      if let base = Self.directMapBase(byPointersOf: region, memory: memory) { votes[base, default: 0] += 1 }
    }
    let bases = votes.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map(\.key)
    guard !bases.isEmpty else { throw .noPointer }
    // The kernel half is one for all live vCPUs. A guest can make tables of its own, and then nothing here can tell
    // which are the host's.
    var tried: Set<UInt64> = []
    var found: LinuxKernel?
    for region in regions {
      guard let cr3 = region.hostCR3, !tried.contains(cr3 & X86PageTables.addressMask),
        found?.kernelHalf(ofCR3: cr3) != .same
      else { continue }
      guard tried.count < Self.tableLimit else { throw .ambiguous(HPA(rawValue: cr3 & X86PageTables.addressMask)) }
      tried.insert(cr3 & X86PageTables.addressMask)
      // CR4.LA57 is bit 12.
      let levels = (region.hostCR4 ?? 0) >> 12 & 1 == 1 ? 5 : 4
      guard
        let kernel = try? LinuxKernel(
          memory: memory, root: HPA(rawValue: cr3), levels: levels, anchored: false),
        bases.contains(kernel.directMapBase.rawValue)
      else { continue }
      guard found == nil else { throw .ambiguous(kernel.root) }
      found = kernel
    }
    guard let found else { throw .noKernel }
    self = found
  }

  /// The direct map's base by one region: near its MSR-load area stands the region's own address in the direct map, and
  /// right behind that structure a pointer to this place itself, through the same map.
  static func directMapBase(byPointersOf region: RegionFacts, memory: any PhysicalMemory) -> UInt64? {
    guard let load = region.entryMSRLoad, load >= VCPUShape.pointerReach, load & 7 == 0 else { return nil }
    let bytes = PhysicalBytes(
      memory, from: load - VCPUShape.pointerReach, count: VCPUShape.pointerReach + RegionHolder.reach)
    for place in stride(from: load - 8, through: bytes.start, by: -8) {
      guard let value = bytes.u64(place) else { continue }
      let base = value &- region.address.rawValue
      guard base & (1 << 30 - 1) == 0, base >> 63 == 1, VirtualAddress(rawValue: base).isCanonical(levels: 5) else {
        continue
      }
      let own = base &+ place
      if stride(from: UInt64(24), to: RegionHolder.reach, by: 8).contains(where: { bytes.u64(place + $0) == own }) {
        return base
      }
    }
    return nil
  }
}

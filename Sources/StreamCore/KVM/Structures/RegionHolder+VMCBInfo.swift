extension RegionHolder {
  /// Judges a place as `vcpu_svm.vmcb01`: `vmcb` before it, then pointer, physical address, CPU, generation of its ASID,
  /// then `current_vmcb`. Before 5.12 there are `vmcb` and `vmcb_pa` alone, which tell too little. Source:
  /// arch/x86/kvm/svm/svm.h.
  init(vmcbInfoAt address: UInt64, of region: RegionFacts, bytes: PhysicalBytes, kernel: LinuxKernel) {
    var passed: Set<RegionHolderCheck> = []
    let cpu = bytes.u32(address &+ 16).map(Int32.init(bitPattern:))
    if let cpu, cpu >= -1, cpu < Self.cpuLimit { passed.insert(.cpu) }
    if let pa = bytes.u64(address &+ 8), Self.physical(pa, kernel) == region.address.rawValue { passed.insert(.pa) }
    let current = bytes.u64(address &+ Self.currentDistance).flatMap(kernel.physical(ofDirectMap:))?.rawValue
    let own = current == address
    if let current, address >= 8, let used = kernel.memory.u64(address - 8) {
      if own {
        passed.insert(.current_vmcb)
        if used == kernel.directMapped(region.address) { passed.insert(.vmcb) }
      } else if current > address, current - address < VCPUShape.nestedReach,
        Self.isPair(at: current, naming: used, kernel)
      {
        // The guest's own guest runs, by `nested.vmcb02`.
        passed.formUnion([.current_vmcb, .vmcb])
      }
    }
    let isPair = passed.isSuperset(of: [.pa, .cpu])
    self.init(
      at: address, passed, cpu: cpu, selfDistance: own ? Self.currentDistance : nil,
      isConvincing: isPair && passed.isSuperset(of: [.current_vmcb, .vmcb]), isConvincingNested: isPair)
  }

  /// From `vmcb01` to `current_vmcb`.
  static let currentDistance: UInt64 = 32

  /// Where a direct-map address and the physical one stand side by side, which is that of the region.
  private static func isPair(at place: UInt64, naming value: UInt64, _ kernel: LinuxKernel) -> Bool {
    guard place & 7 == 0, kernel.memory.u64(place) == value, let region = kernel.page(named: value),
      let pa = kernel.memory.u64(place &+ 8)
    else { return false }
    return physical(pa, kernel) == region.rawValue
  }

  /// KVM keeps the encryption bit in it.
  private static func physical(_ value: UInt64, _ kernel: LinuxKernel) -> UInt64? {
    value & ~(kernel.frameMask | kernel.encryptionBit) == 0 ? value & kernel.frameMask : nil
  }
}

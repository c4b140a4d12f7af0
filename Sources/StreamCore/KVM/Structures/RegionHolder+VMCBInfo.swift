extension RegionHolder {
  /// Judges a place as `vcpu_svm.vmcb01`: `vmcb` before it, then pointer, physical address, CPU, generation of its ASID,
  /// then `current_vmcb`. Before 5.12 there are `vmcb` and `vmcb_pa`, then `svm_data`, which nothing sets, and farther on
  /// `msrpm`, the map that the VMCB names, too. Source: arch/x86/kvm/svm/svm.h.
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
    if passed.contains(.pa), bytes.u64(address &+ 16) == 0,
      let map = region.msrBitmap.flatMap({ Self.physical($0, kernel) }), map != 0,
      Self.mapDistances.contains(where: { bytes.u64(address &+ $0) == kernel.directMapped(HPA(rawValue: map)) })
    {
      passed.insert(.msrpm)
      // What stands in the place of `cpu` is `svm_data`.
      passed.remove(.cpu)
    }
    self.init(
      at: address, passed, cpu: cpu, selfDistance: own ? Self.currentDistance : nil,
      isConvincing: isPair && passed.isSuperset(of: [.current_vmcb, .vmcb]) || passed.contains(.msrpm),
      isConvincingNested: isPair)
  }

  /// From `vmcb` to `msrpm`, before 5.12: 184 bytes in 4.18, 192 in 5.11. Of the registers that a guest chooses no two in
  /// `arch` stand so far apart: CR3 is 168 bytes behind RAX. Farther on stands `nested.msrpm`, which a VMCB names while the
  /// guest's own guest runs, and `vmcb01`'s own stands nearer.
  static let mapDistances = stride(from: UInt64(176), through: 200, by: 8)

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

extension RegionHolder {
  /// Judges a place as a `struct loaded_vmcs`.
  ///
  /// `shadow_vmcs`, `cpu` and `launched` must be plausible, two of the strong checks must hold, and one of these must
  /// be another kernel structure that points here: the list of the CPU's VMCSs or `vcpu_vmx.loaded_vmcs`, which kernels
  /// of any age since `loaded_vmcs` came (3.1) have. KERNEL_GS_BASE, which a guest sets itself, stands 24 bytes before
  /// `vmcs01`.
  init(loadedVMCSAt address: UInt64, of region: RegionFacts, bytes: PhysicalBytes, kernel: LinuxKernel) {
    var passed: Set<RegionHolderCheck> = []
    let word = { (distance: UInt64) in bytes.u64(address &+ distance) }
    // 4.9 put shadow_vmcs before cpu; kernels before have cpu and launched at once behind vmcs.
    let old = word(16).map(kernel.isPointer) ?? false
    if let shadow = word(8) {
      if old || shadow == 0 || Self.isShadow(shadow, kernel: kernel) { passed.insert(.shadow_vmcs) }
    }
    let state = word(old ? 8 : 16)
    let cpu = state.map { Int32(truncatingIfNeeded: $0) }
    if let state, let cpu {
      if cpu >= -1, cpu < Self.cpuLimit { passed.insert(.cpu) }
      if UInt8(truncatingIfNeeded: state >> 32) <= 1 { passed.insert(.launched) }
    }
    let links: [UInt64] = old ? [16] : [24, 32, 40, 48, 56, 64, 72]
    for distance in links {
      guard let next = word(distance), let previous = word(distance + 8) else { continue }
      if kernel.isLinked(kernel.directMapped(HPA(rawValue: address &+ distance)), next: next, previous: previous) {
        passed.insert(.on_cpu_link)
      }
    }
    if let bitmap = region.msrBitmap, bitmap != 0 {
      let value = kernel.directMapped(HPA(rawValue: bitmap))
      if stride(from: UInt64(24), through: 72, by: 8).contains(where: { word($0) == value }) {
        passed.insert(.msr_bitmap)
      }
    }
    if let cr3 = region.hostCR3, let cr4 = region.hostCR4, let gs = region.hostGSBase, let fs = region.hostFSBase,
      cr3 != 0
    {
      let state = [cr3, cr4, gs, fs]
      if stride(from: UInt64(24), through: 120, by: 8).contains(where: { start in
        zip(UInt64(0)..., state).allSatisfy { word(start + $0 * 8) == $1 }
      }) {
        passed.insert(.host_state)
      }
    }
    if let controls = region.controlWords,
      stride(from: UInt64(24), through: 160, by: 4).contains(where: { start in
        zip(UInt64(0)..., controls).allSatisfy { bytes.u32(address &+ start &+ $0 * 4) == $1 }
      })
    {
      passed.insert(.controls_shadow)
    }
    let own = kernel.directMapped(HPA(rawValue: address))
    let selfDistance = stride(from: UInt64(24), to: Self.reach, by: 8).first { word($0) == own }
    if selfDistance != nil { passed.insert(.loaded_vmcs) }
    let isConvincing =
      passed.isSuperset(of: [.shadow_vmcs, .cpu, .launched]) && passed.intersection(Self.strong).count >= 2
      && !passed.isDisjoint(with: [.on_cpu_link, .loaded_vmcs])
    self.init(
      at: address, passed, cpu: cpu, selfDistance: selfDistance, isConvincing: isConvincing,
      isConvincingNested: isConvincing)
  }

  /// Whether a value is the direct-map address of a shadow VMCS: header bit 31 set.
  private static func isShadow(_ value: UInt64, kernel: LinuxKernel) -> Bool {
    guard value & 0xfff == 0, let place = kernel.physical(ofDirectMap: value),
      let page = kernel.memory.page(place.frame).page
    else { return false }
    return page.u32(0) >> 31 == 1
  }
}

/// What makes a place in memory a `struct loaded_vmcs`. Kernels before 5.0 lack some of these.
/// Source: arch/x86/kvm/vmx/vmcs.h; gprs.md §1 and §2.2.
public enum LoadedVMCSCheck: String, Sendable, CaseIterable {
  /// `shadow_vmcs` is NULL, or a page of the direct map whose header has the shadow bit.
  case shadow_vmcs
  /// `cpu` is -1 or a small number.
  case cpu
  /// `launched` is 0 or 1.
  case launched
  /// `loaded_vmcss_on_cpu_link` is linked, and both neighbours point back.
  case on_cpu_link
  /// `msr_bitmap` is the MSR-bitmap field's address, seen through the direct map.
  case msr_bitmap
  /// `host_state` holds HOST_CR3, HOST_CR4, HOST_GS_BASE and HOST_FS_BASE.
  case host_state
  /// `controls_shadow` holds the five control words.
  case controls_shadow
  /// `vcpu_vmx.loaded_vmcs`, right behind `vmcs01`, points at this place.
  case loaded_vmcs
}

/// A place that holds a region's direct-map address, judged as a `struct loaded_vmcs`.
struct LoadedVMCS: Sendable, Equatable {
  /// Physical address of the `vmcs` pointer, which is the structure's first member.
  let address: UInt64
  let passed: Set<LoadedVMCSCheck>
  /// The host CPU that this VMCS is loaded on; -1: on none.
  let cpu: Int32?
  /// Bytes from here to `vcpu_vmx.loaded_vmcs`, where that names this place.
  let selfDistance: UInt64?

  static let strong: Set<LoadedVMCSCheck> = [.on_cpu_link, .msr_bitmap, .host_state, .controls_shadow, .loaded_vmcs]

  /// `shadow_vmcs`, `cpu` and `launched` must be plausible, two of the strong checks must hold, and one of these must
  /// be another kernel structure that points here: the list of the CPU's VMCSs or `vcpu_vmx.loaded_vmcs`, which kernels
  /// of any age since `loaded_vmcs` came (3.1) have. Without that a guest could set up its forged region so that the
  /// rest fits the words behind a register which it sets itself: KERNEL_GS_BASE stands 24 bytes before `vmcs01`.
  var isConvincing: Bool {
    passed.isSuperset(of: [.shadow_vmcs, .cpu, .launched]) && passed.intersection(Self.strong).count >= 2
      && !passed.isDisjoint(with: [.on_cpu_link, .loaded_vmcs])
  }

  /// CPUs of a Linux host at most: NR_CPUS is 8192.
  static let cpuLimit: Int32 = 8192
  /// Bytes of the structure and of what follows it that are looked at; 6.1's has 160.
  static let reach: UInt64 = 256

  init(at address: UInt64, of region: RegionFacts, window: PhysicalWindow, kernel: HostKernel) {
    var passed: Set<LoadedVMCSCheck> = []
    let word = { (distance: UInt64) in window.u64(address &+ distance) }
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
        zip(UInt64(0)..., controls).allSatisfy { window.u32(address &+ start &+ $0 * 4) == $1 }
      })
    {
      passed.insert(.controls_shadow)
    }
    let own = kernel.directMapped(HPA(rawValue: address))
    selfDistance = stride(from: UInt64(24), to: Self.reach, by: 8).first { word($0) == own }
    if selfDistance != nil { passed.insert(.loaded_vmcs) }
    self.address = address
    self.passed = passed
    self.cpu = passed.contains(.cpu) ? cpu : nil
  }

  /// Whether a value is the direct-map address of a shadow VMCS: header bit 31 set.
  private static func isShadow(_ value: UInt64, kernel: HostKernel) -> Bool {
    guard value & 0xfff == 0, let place = kernel.physical(ofDirectMap: value),
      let page = kernel.memory.page(place.frame).page
    else { return false }
    return page.u32(0) >> 31 == 1
  }
}

extension RegionFacts {
  /// The five control words as `controls_shadow` holds them, or `nil` when one is not known.
  var controlWords: [UInt32]? {
    let all = [entryControls, exitControls, pinControls, processorControls, secondaryControls]
    let words = all.compactMap { $0.flatMap(UInt32.init(exactly:)) }
    return words.count == all.count && words.contains { $0 != 0 } ? words : nil
  }
}

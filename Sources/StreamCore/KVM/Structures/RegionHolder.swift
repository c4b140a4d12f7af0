/// A place that holds a region's direct-map address, judged as the structure in which KVM names a vCPU's region: a `struct
/// loaded_vmcs` or a `struct kvm_vmcb_info`, whose first member that is.
struct RegionHolder: Sendable, Equatable {
  /// Physical address of the pointer.
  let address: UInt64
  let passed: Set<RegionHolderCheck>
  /// The host CPU that the region is loaded on, or was last; -1: on none.
  let cpu: Int32?
  /// Bytes from here to the vCPU's pointer to the structure in use, where that names this place.
  let selfDistance: UInt64?
  /// It may be a vCPU's own. Without what other structures of the kernel say of it, a guest could set up its forged
  /// region so that the rest fits the words behind registers which it sets itself.
  let isConvincing: Bool
  /// It may be that of a guest's own guest, where it stands in a vCPU that is proven.
  let isConvincingNested: Bool

  /// Those that not everything shows which is not damaged.
  static let strong: Set<RegionHolderCheck> = [
    .on_cpu_link, .msr_bitmap, .host_state, .controls_shadow, .loaded_vmcs, .current_vmcb, .msrpm,
  ]
  /// CPUs of a Linux host at most: NR_CPUS is 8192.
  static let cpuLimit: Int32 = 8192
  /// Bytes of the structure and of what follows it that are looked at; 6.1's `loaded_vmcs` has 160.
  static let reach: UInt64 = 256

  /// - Parameter bytes: from the place on, or from before it.
  init(at address: UInt64, of region: RegionFacts, bytes: PhysicalBytes, kernel: LinuxKernel) {
    switch region.vendor {
    case .intel: self.init(loadedVMCSAt: address, of: region, bytes: bytes, kernel: kernel)
    case .amd: self.init(vmcbInfoAt: address, of: region, bytes: bytes, kernel: kernel)
    }
  }

  init(
    at address: UInt64, _ passed: Set<RegionHolderCheck>, cpu: Int32?, selfDistance: UInt64?, isConvincing: Bool,
    isConvincingNested: Bool
  ) {
    self.address = address
    self.passed = passed
    self.cpu = passed.contains(.cpu) ? cpu : nil
    self.selfDistance = selfDistance
    self.isConvincing = isConvincing
    self.isConvincingNested = isConvincingNested
  }
}

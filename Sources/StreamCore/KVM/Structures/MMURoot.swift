/// The root of a guest's second-level tables that KVM has in use for a vCPU: its `root_mmu`'s, which is the guest's own also
/// while its own guest runs. Source: arch/x86/include/asm/kvm_host.h, struct kvm_mmu.
struct MMURoot: Sendable, Hashable {
  let address: HPA
  /// Of its tables: 4 or 5. Shadow paging of guests without long mode has 3, which is none of these.
  let levels: Int

  /// `root_role` since 5.18, `mmu_role.base` since 5.1, before that a member of its own.
  private static let levelPaths = ["root_role.level", "mmu_role.base.level", "shadow_root_level"].map {
    "kvm_vcpu.arch.root_mmu." + $0
  }

  /// - Parameter vcpu: where its `kvm_vcpu` begins.
  /// - Returns: `nil` where KVM has none in use, or the types do not tell.
  init?(of vcpu: VirtualAddress, _ types: KVMTypes, kernel: LinuxKernel) {
    // INVALID_PAGE is all ones.
    guard let place = types.roots.first, let value = kernel.u64((vcpu &+ place).rawValue), value & 0xfff == 0,
      value >> 52 == 0, value != 0,
      let path = Self.levelPaths.lazy.compactMap({ try? types.all.path($0) }).first,
      let levels = try? KernelReader(kernel).value(path, at: vcpu), levels == 4 || levels == 5
    else { return nil }
    address = HPA(rawValue: value)
    self.levels = Int(levels)
  }
}

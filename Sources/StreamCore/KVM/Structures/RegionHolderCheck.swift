/// What makes a place in memory the structure in which KVM names a region. Kernels before 5.0 lack some of these. Source:
/// arch/x86/kvm/vmx/vmcs.h, arch/x86/kvm/svm/svm.h; Documentation/kvm.md §1 and §2.2, Documentation/amd.md §3.
enum RegionHolderCheck: String, Sendable, CaseIterable {
  /// `cpu` is -1 or a small number.
  case cpu

  // struct loaded_vmcs

  /// `shadow_vmcs` is NULL, or a page of the direct map whose header has the shadow bit.
  case shadow_vmcs
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

  // struct kvm_vmcb_info

  /// `pa`, or `vmcb_pa` before 5.12, is the region's physical address.
  case pa
  /// `vcpu_svm.vmcb`, right before `vmcb01`, is the VMCB of the one in use.
  case vmcb
  /// `vcpu_svm.current_vmcb`, right behind `vmcb01`, points at this place, or at the like of it behind.
  case current_vmcb
  /// `vcpu_svm.msrpm`, behind `vmcb_pa` before 5.12, is the MSR permission map's address, seen through the direct map.
  case msrpm

  static let loadedVMCS: Set<RegionHolderCheck> = [
    .cpu, .shadow_vmcs, .launched, .on_cpu_link, .msr_bitmap, .host_state, .controls_shadow, .loaded_vmcs,
  ]
  static let vmcbInfo: Set<RegionHolderCheck> = [.cpu, .pa, .vmcb, .current_vmcb]
}

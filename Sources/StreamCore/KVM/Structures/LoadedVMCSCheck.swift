/// What makes a place in memory a `struct loaded_vmcs`. Kernels before 5.0 lack some of these. Source:
/// arch/x86/kvm/vmx/vmcs.h; Documentation/kvm.md §1 and §2.2.
enum LoadedVMCSCheck: String, Sendable, CaseIterable {
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

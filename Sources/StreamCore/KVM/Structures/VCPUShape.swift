/// Distances inside `struct vcpu_vmx` or `vcpu_svm`, in bytes. They differ by kernel and configuration, and are one for all vCPUs of
/// a host; what is found on one vCPU is confirmed on the others. Source: Documentation/kvm.md §1, §2.
struct VCPUShape: Sendable, Equatable {
  /// From the start of the object to `vmcs01.vmcs` or `vmcb01.ptr`, the pointer to the vCPU's region.
  var startToPointer: UInt64
  /// From `vmcs01.vmcs` to the VM-entry MSR-load area; `nil` when no region led there that way.
  var pointerToMSRLoad: UInt64?
  /// From `vmcs01.vmcs` to `vcpu_vmx.loaded_vmcs`, the pointer to the `loaded_vmcs` in use; or from `vmcb01` to
  /// `vcpu_svm.current_vmcb`.
  var pointerToLoaded: UInt64?

  /// First guesses for `startToPointer`: 6.1, 6.1 built without modules or from before August 2025, 6.12, 6.12 from
  /// before March 2025. Then `vmcb01` of 6.1 and 6.12. Documentation/kvm.md §1, Documentation/amd.md §3; `ArchVote`. The
  /// search goes on without them.
  static let guesses: [UInt64] = [6792, 6784, 6720, 6712, 6560, 6488]
  /// The pointer is looked for in so many bytes before the MSR-load area.
  static let pointerReach: UInt64 = 2048
  /// The start of the object is looked for in so many bytes before the pointer.
  static let startReach: UInt64 = 16 << 10
  /// Starts tried at most for one pointer, beyond the guesses.
  static let trials = 256
  /// `vmcs02` stands in so many bytes behind `vmcs01` (1304 in 6.1, 1312 in 6.12). Documentation/kvm.md §1.
  static let nestedReach: UInt64 = 4096
}

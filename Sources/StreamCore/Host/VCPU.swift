/// A virtual processor, by what the processor's own structure and the host's kernel hold of it: the same on every
/// vendor's host.
struct VCPU: Sendable {
  /// The page in which the processor keeps its state, a VMCS or a VMCB; `nil` when only the host kernel names this
  /// vCPU: it keeps its place.
  var region: HPA?
  /// A page that the host kernel names as its region, and whose content is none.
  var refused: HPA?
  /// Index in the VM's own table of vCPUs.
  var tableIndex: Int
  var registers = RegisterState()
  /// What KVM holds of it beyond the region.
  var kvm: KVMVCPUState?
  /// The VMM's thread that runs it.
  var thread: LinuxThread?
  /// Why it left its guest last, by name.
  var exitReason: String?
  /// The second-level map that the processor uses for it.
  var root: (any SecondLevelRoot)?
  /// The one that its region names, where the host kernel has another in use or none by now.
  var staleRoot: UInt64?
  /// Host frames that this map has and that are no RAM of the guest: the APIC access page.
  var reservedFrames: [UInt64] = []
}

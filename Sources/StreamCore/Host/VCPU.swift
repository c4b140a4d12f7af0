/// A virtual processor, by what the processor's own structure and the host's kernel hold of it: the same on every
/// vendor's host.
struct VCPU: Sendable {
  /// The page in which the processor keeps its state, a VMCS or a VMCB; `nil` when only the host kernel names this
  /// vCPU: it keeps its place.
  var region: HPA?
  /// Why nothing of that page is read; `nil`: it is, or there is none.
  var unread: Unread?
  /// Index in the VM's own table of vCPUs.
  var tableIndex: Int
  var registers = RegisterState()
  /// What KVM holds of it beyond the region.
  var kvm: KVMVCPUState?
  /// The VMM's thread that runs it.
  var thread: LinuxThread?
  /// Why it left its guest last, by name.
  var exitReason: Sourced<String>?
  /// The second-level map that the processor uses for it.
  var root: (any SecondLevelRoot)?
  /// The one that its region names, where the host kernel has another in use or none by now.
  var staleRoot: UInt64?
  /// Host frames that this map has and that are no RAM of the guest: the APIC access page.
  var reservedFrames: [UInt64] = []

  /// Why the processor's own structure of a vCPU tells nothing.
  enum Unread: Sendable, Equatable {
    /// The dump lacks the page.
    case absent(Vendor)
    /// The page that the host kernel names is none, by its content.
    case refused(HPA, Vendor)
    /// How it is laid out on this processor is not known.
    case unknownLayout
    /// SEV-ES or SNP: the processor keeps its registers encrypted.
    case encrypted
    /// It tells of the guest's own guest, which runs by it.
    case ofNestedGuest
  }

  /// The memory of its guest is encrypted: SEV.
  var isEncrypted = false
}

extension VCPU.Unread: CustomStringConvertible {
  var description: String {
    switch self {
    case .absent(let vendor): "its \(vendor.region) is not in the dump"
    case .refused(let page, let vendor): "the page that is named as its \(vendor.region), \(page), is none"
    case .unknownLayout: "the layout of its VMCS is not known"
    case .ofNestedGuest: "its VMCB is in use for the guest's own guest"
    case .encrypted: "the processor keeps its registers encrypted (SEV-ES)"
    }
  }
}

/// Why a host's dump gives no guest, as far as the dump tells.
enum HostWithoutGuests: Error, Equatable, Sendable {
  /// Pages pass as regions, but the kernel that would prove them cannot be read.
  case kernelUnreadable(why: String)
  /// Nothing in the dump tells which of several kernels is the host's.
  case severalKernels(why: String)
  /// Pages pass as regions, and the kernel proves none; the first of them and why.
  case unproven(pages: UInt64, layout: String, first: HPA, why: EvidenceFault)
  /// Guests on shadow page tables.
  case withoutEPT(regions: UInt64, layout: String)
  /// Signs of VMX, and no layout whose content tests they pass.
  case noLayout(revisionIDs: [UInt32], detail: String)
  /// Guests of SVM, whose VMCBs count only where the host's kernel names them; why it does not.
  case svm(vmcbs: UInt64, why: String)
  /// A hypervisor that is a guest itself: the VMCSs of its own guests are empty here.
  case nested(trace: String)
  /// No sign of a guest, or of dead ones only; what there is of VMX, and what of the dump could not be looked at.
  case noSign(trace: String?, unread: [String])
}

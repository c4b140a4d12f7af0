/// What a warning of the manifest is about. Raw values are the manifest's.
public enum WarningCode: String, Sendable, CaseIterable, Encodable {
  /// Stored pages of the host dump are damaged.
  case bad_pages
  /// The host's kernel describes itself, and the dump does not show that: VMs are found by content.
  case by_content
  /// The host dump's own headers, notes or tables are damaged.
  case damaged_input
  /// A guest's memory is encrypted, and not written.
  case encrypted
  /// drgn will not read a kdump's virtual addresses.
  case first_cr3
  /// What proves a guest lies in memory that a guest maps.
  case forged
  /// The host dump's tail is missing.
  case incomplete
  /// The host dump is odd, and is read whole.
  case input
  /// A layout that was given, or a VMCSINFO, leads to no proven region.
  case layout_refused
  /// The memory slots of a VM cannot be read.
  case lost_slots
  /// A VM of the host kernel's list, or a vCPU of it, cannot be followed to its region.
  case lost_vm
  /// A guest's second-level map says otherwise than its memory slots and its VMM's page tables.
  case map_differs
  /// A guest's second-level map could not be read whole.
  case map_incomplete
  /// A guest's map does not fit into the memory that it may take.
  case map_too_large
  /// No kernel's VMCOREINFO agrees with a guest's vCPUs.
  case no_identity
  /// A VM of the host kernel's list has no vCPU yet.
  case no_vcpu
  /// The host dump has no VMCOREINFO.
  case no_vmcoreinfo
  /// The dump was filtered by a program that may have taken pages of the kernel for free ones.
  case lost_kernel_pages
  /// Guests have so many pages that they are not counted for a list.
  case not_counted
  /// The dump does not hold a vCPU's VMCS.
  case no_vmcs
  /// The dump holds no page of a guest.
  case not_written
  /// Look-alikes of a guest's VMCOREINFO.
  case other_vmcoreinfo
  /// A file that was given for the kernel's symbols and types does not do for them.
  case symbols
  /// No known layout reads the regions of the host's vCPUs.
  case unknown_layout
  /// Registers that a note needs are not known.
  case unknown_registers
  /// A guest's memory slots are not known, so that its memory may have blocks that nothing shows.
  case unknown_slots
  /// A VM of the host kernel's list without any VMCS in the dump.
  case unseen_vm
  /// The host kernel's list of VMs is damaged.
  case vm_list
  /// Parts of a VMCSINFO were left out.
  case vmcsinfo
  /// The last exit of a vCPU was cut short.
  case vmx_abort
  /// The host's kernel says otherwise of its VMs than what is found by content.
  case ways_differ
  /// Pages that the host's kernel keeps compressed are not read, and count as swapped.
  case zswap_unread

  /// Whether something is missing or damaged, which the exit status tells; the others only tell.
  public var isLoss: Bool {
    switch self {
    case .bad_pages, .damaged_input, .encrypted, .forged, .incomplete, .lost_kernel_pages, .lost_slots, .lost_vm,
      .map_incomplete, .map_too_large, .no_vmcs, .not_written, .unknown_layout, .unknown_registers, .unseen_vm,
      .vm_list:
      true
    case .by_content, .first_cr3, .input, .layout_refused, .map_differs, .no_identity, .no_vcpu, .no_vmcoreinfo,
      .not_counted, .other_vmcoreinfo, .symbols, .unknown_slots, .vmcsinfo, .vmx_abort, .ways_differ, .zswap_unread:
      false
    }
  }
}

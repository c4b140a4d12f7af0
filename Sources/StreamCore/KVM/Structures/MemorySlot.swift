/// A run of guest frames that KVM maps to a run of the VMM's addresses. Source: struct kvm_memory_slot,
/// Documentation/kvm.md §5.5.
struct MemorySlot: Sendable, Equatable {
  /// Guest frames.
  let frames: Range<UInt64>
  /// The VMM's address of the first, a multiple of 4 KiB.
  let hva: UInt64
  let flags: UInt32
  let id: UInt16
  /// Its guest_memfd, `struct file`, and the page of it, in 4 KiB, that the first frame is. `nil`: none, or not known.
  var file: OwnFile?

  struct OwnFile: Sendable, Equatable {
    let file: VirtualAddress
    let page: UInt64
  }

  /// KVM_MEM_READONLY. Source: include/uapi/linux/kvm.h.
  var isReadOnly: Bool { flags & 2 != 0 }
  /// KVM_MEMSLOT_INVALID: it is being moved or deleted. Source: include/linux/kvm_host.h.
  var isInvalid: Bool { flags & 1 << 16 != 0 }

  /// KVM_MEM_GUEST_MEMFD: private pages are in a file of its own. Source: include/uapi/linux/kvm.h.
  var hasOwnFile: Bool { flags & 4 != 0 }
  /// KVM_MEMSLOT_GMEM_ONLY: all pages are. Source: include/linux/kvm_host.h, since 6.18.
  var hasOwnFileOnly: Bool { flags & 1 << 17 != 0 }

  /// The page of the VMM, `hva >> 12`, behind a guest frame of the slot.
  func page(_ frame: UInt64) -> UInt64 { hva >> 12 &+ (frame &- frames.lowerBound) }
  /// The guest frame behind a page of the VMM.
  func frame(ofPage page: UInt64) -> UInt64 { frames.lowerBound &+ (page &- hva >> 12) }

  /// Pages of one slot at most. Source: KVM_MEM_MAX_NR_PAGES.
  private static let pageLimit: UInt64 = 1 << 31
  /// One past the highest guest frame: 52 bits of physical address.
  private static let frameLimit: UInt64 = 1 << 40
  /// One past the highest address of a VMM, with 5 levels.
  private static let addressLimit: UInt64 = 1 << 56

  /// `nil` where no slot can be so.
  init?(gfn: UInt64, pages: UInt64, hva: UInt64, flags: UInt32, id: UInt16) {
    guard pages > 0, pages < Self.pageLimit, gfn < Self.frameLimit, gfn + pages <= Self.frameLimit, hva & 0xfff == 0,
      hva < Self.addressLimit, hva + pages << 12 <= Self.addressLimit
    else { return nil }
    frames = gfn..<gfn + pages
    self.hva = hva
    self.flags = flags
    self.id = id
  }
}

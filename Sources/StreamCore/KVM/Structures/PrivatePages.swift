/// Where a guest's pages are that stand in files of their own, guest_memfd: those of slots with such a file that are
/// private, and all of slots that have nothing else. The VMM's addresses lead to other pages then, or none.
///
/// Source: include/linux/kvm_host.h, kvm_mem_is_private, KVM_MEMSLOT_GMEM_ONLY; virt/kvm/guest_memfd.c,
/// kvm_gmem_get_pfn. Since 6.8.
struct PrivatePages: Sendable {
  /// Where a `kvm_memory_slot` names its file, bytes.
  struct Places: Sendable, Equatable {
    let file: UInt64
    let page: UInt64

    init(_ types: KernelTypes) throws(TypeFault) {
      file = try KVMTypes.place("kvm_memory_slot.gmem.file", types)
      page = try KVMTypes.place("kvm_memory_slot.gmem.pgoff", types)
    }
  }

  private let kvm: VirtualAddress
  private let attributes: MemoryAttributes
  private let cache: FilePages?

  init(of kvm: VirtualAddress, _ attributes: MemoryAttributes, _ cache: FilePages?) {
    self.kvm = kvm
    self.attributes = attributes
    self.cache = cache
  }

  /// The parts of a run of a slot's frames, ascending and without gaps.
  func parts(_ frames: Range<UInt64>, of slot: MemorySlot) -> [MemoryAttributes.Part] {
    guard slot.hasOwnFile, !frames.isEmpty else { return [(frames, .shared)] }
    if slot.hasOwnFileOnly { return [(frames, .private)] }
    return attributes.parts(frames, of: slot, in: kvm)
  }

  /// What a slot's own file has of private frames: pages are guest frames here.
  func runs(_ frames: Range<UInt64>, of slot: MemorySlot) -> [ProcessPages.Run] {
    guard let cache, let file = slot.file else { return [.unread(frames)] }
    return cache.runs(
      frames, of: .init(pages: slot.frames, file: file.file, fileOffset: file.page, flags: 0))
  }
}

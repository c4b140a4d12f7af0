/// Where a guest's pages are that stand in files of their own, guest_memfd: those of slots with such a file that the VM's
/// attributes call private, and all of slots that have nothing else. The VMM's addresses lead to other pages then, or none.
///
/// Source: include/linux/kvm_host.h, kvm_mem_is_private, KVM_MEMSLOT_GMEM_ONLY; virt/kvm/guest_memfd.c,
/// kvm_gmem_get_pfn; include/uapi/linux/kvm.h, KVM_MEMORY_ATTRIBUTE_PRIVATE. Since 6.8.
struct PrivatePages: Sendable {
  /// Where the files and attributes stand, bytes.
  struct Places: Sendable, Equatable {
    // kvm_memory_slot
    let file: UInt64
    let page: UInt64
    /// `kvm.mem_attr_array`, and its head in it.
    let attributes: UInt64
    let head: UInt64

    init(_ types: KernelTypes) throws(TypeFault) {
      file = try KVMTypes.place("kvm_memory_slot.gmem.file", types)
      page = try KVMTypes.place("kvm_memory_slot.gmem.pgoff", types)
      attributes = try KVMTypes.place("kvm.mem_attr_array", types)
      head = try KVMTypes.place("kvm.mem_attr_array.xa_head", types) &- attributes
    }
  }

  /// What is known of a run of guest frames.
  enum Kind: Sendable { case shared, `private`, unknown }

  private let attributes: VirtualAddress
  private let head: UInt64
  private let kernel: LinuxKernel
  private let cache: FilePages?

  private static let privateBit: UInt64 = 1 << 3

  init(of kvm: VirtualAddress, _ places: Places, _ kernel: LinuxKernel, _ cache: FilePages?) {
    attributes = kvm &+ places.attributes
    head = places.head
    self.kernel = kernel
    self.cache = cache
  }

  /// The parts of a run of a slot's frames, ascending and without gaps.
  func parts(_ frames: Range<UInt64>, of slot: MemorySlot) -> [(frames: Range<UInt64>, kind: Kind)] {
    guard slot.hasOwnFile, !frames.isEmpty else { return [(frames, .shared)] }
    if slot.hasOwnFileOnly { return [(frames, .private)] }
    guard let head = kernel.u64((attributes &+ head).rawValue) else { return [(frames, .unknown)] }
    let array = KernelXArray(
      attributes, head: head, kernel: kernel, indexes: frames.lowerBound...frames.upperBound - 1)
    guard array.gaps.isEmpty else { return [(frames, .unknown)] }
    var parts: [(frames: Range<UInt64>, kind: Kind)] = []
    var at = frames.lowerBound
    for entry in array.entries {
      guard case .value(let value) = entry.value, value & Self.privateBit != 0 else { continue }
      let run = (entry.index..<entry.index &+ entry.count).clamped(to: at..<frames.upperBound)
      guard !run.isEmpty else { continue }
      if run.lowerBound > at { parts.append((at..<run.lowerBound, .shared)) }
      if let last = parts.last, last.kind == .private {
        parts[parts.count - 1].frames = last.frames.lowerBound..<run.upperBound
      } else {
        parts.append((run, .private))
      }
      at = run.upperBound
    }
    if at < frames.upperBound { parts.append((at..<frames.upperBound, .shared)) }
    return parts
  }

  /// What a slot's own file has of private frames: pages are guest frames here.
  func runs(_ frames: Range<UInt64>, of slot: MemorySlot) -> [ProcessPages.Run] {
    guard let cache, let file = slot.file else { return [.unread(frames)] }
    return cache.runs(
      frames, of: .init(pages: slot.frames, file: file.file, fileOffset: file.page, flags: 0))
  }
}

/// Where KVM keeps a guest's memory slots, and its VMM's page tables, by the kernel's own types. Places are bytes from the
/// start of the structure. Source: include/linux/kvm_host.h; Documentation/kvm.md §5.5, §8.
struct SlotTypes: Sendable, Equatable {
  /// How a `kvm_memslots` holds its slots.
  enum Form: Sendable, Equatable {
    /// `gfn_tree`, since 5.17: each slot stands in the trees of two sets, by one of its two nodes.
    case tree(root: UInt64, nodeIndex: UInt64, nodes: UInt64)
    /// `memslots[]` with `used_slots` elements.
    case array(slots: UInt64, used: UInt64, stride: UInt64)
  }

  /// `kvm.memslots[0]`: that of system management mode is the next.
  let sets: UInt64
  let form: Form
  // kvm_memory_slot
  let gfn: UInt64
  let pages: UInt64
  let hva: UInt64
  let flags: UInt64
  let id: UInt64
  /// The first of the three ids of KVM's own slots: task-state segment, APIC access page, identity map.
  /// Source: KVM_USER_MEM_SLOTS, KVM_PRIVATE_MEM_SLOTS.
  let privateID: UInt16

  /// `kvm.mm`, and the copy of it in KVM's own notifier; `nil`: not known.
  let mm: UInt64?
  let notifiedMM: UInt64?
  /// `mm_struct.pgd`.
  let pgd: UInt64?
  /// `nil`: a kernel without guest_memfd, or not known.
  let ownFile: PrivatePages.Places?

  /// The shapes of 6.1 and 6.12, and of 7.3, for kernels without types: what they lead to must prove itself.
  /// Source: Documentation/kvm.md §8.
  static let known = [SlotTypes(sets: 4376), SlotTypes(sets: 4360)]

  private init(sets: UInt64) {
    self.sets = sets
    form = .tree(root: 32, nodeIndex: 1064, nodes: 128)
    gfn = 176
    pages = 184
    hva = 248
    flags = 256
    id = 260
    privateID = UInt16(Int16.max) - 3
    mm = nil
    notifiedMM = nil
    pgd = nil
    ownFile = nil
  }

  static let leads: [String: [String]] = [
    "kvm_memslots": ["kvm.memslots[0]"],
    "kvm_memory_slot": ["kvm_vcpu.last_used_slot", "kvm_memslots.memslots[0]"],
  ]

  init(_ types: KernelTypes) throws(TypeFault) {
    sets = try Self.place("kvm.memslots", types)
    if let root = try? Self.place("kvm_memslots.gfn_tree.rb_node", types) {
      form = .tree(
        root: root, nodeIndex: try Self.place("kvm_memslots.node_idx", types),
        nodes: try Self.place("kvm_memory_slot.gfn_node", types))
    } else {
      let stride = try types.size(of: "kvm_memory_slot")
      guard (16...4096).contains(stride) else { throw .tooLarge(path: "kvm_memory_slot", bytes: stride) }
      form = .array(
        slots: try Self.place("kvm_memslots.memslots", types), used: try Self.place("kvm_memslots.used_slots", types),
        stride: UInt64(stride))
    }
    gfn = try Self.place("kvm_memory_slot.base_gfn", types)
    pages = try Self.place("kvm_memory_slot.npages", types)
    hva = try Self.place("kvm_memory_slot.userspace_addr", types)
    flags = try Self.place("kvm_memory_slot.flags", types)
    id = try Self.place("kvm_memory_slot.id", types)
    let ids = (try? types.member("kvm_memslots.id_to_index").count) ?? Int(Int16.max)
    privateID = UInt16(clamping: ids - 3)
    mm = try Self.place("kvm.mm", types)
    notifiedMM = try? Self.place("kvm.mmu_notifier.mm", types)
    pgd = try Self.place("mm_struct.pgd", types)
    ownFile = try? PrivatePages.Places(types)
  }

  private static func place(_ path: String, _ types: KernelTypes) throws(TypeFault) -> UInt64 {
    try KVMTypes.place(path, types)
  }
}

/// The host's `vm_list`.
struct VMList: Sendable, Equatable {
  let list: KernelList
  /// Of the list's node in a `struct kvm`, bytes.
  let offset: Int

  /// Where the host's `struct kvm`s begin.
  var members: [VirtualAddress] { list.nodes.map { $0 &- UInt64(offset) } }
}

/// One `struct kvm` of the host. Source: include/linux/kvm_host.h; Documentation/kvm.md §2.6, §5.5.
struct KVMObject: Sendable, Equatable {
  let address: VirtualAddress
  /// Its vCPUs, by index.
  let vcpus: [VCPUPointer]
  /// The list of the host's VMs, where this one's place in it was found.
  let vmList: VMList?
  /// Frames that this rests on: the object's own, its table's nodes and its vCPUs' first.
  let frames: [UInt64]

  /// Bytes of a `struct kvm` that are looked at: 6.1's is 40 KiB. Documentation/kvm.md §2.6.
  static let size = 48 << 10
  /// List nodes visited at most while one object is searched.
  static let listBudget = 1 << 13

  /// - Parameter vmList: the host's, where it is known to hold this object.
  init(at address: VirtualAddress, kernel: LinuxKernel, vmList: VMList? = nil) throws(KVMFault) {
    try Self.check(address, kernel: kernel)
    var object = KernelBytes(address, limit: Self.size, kernel)
    let vmList = vmList ?? Self.vmList(in: &object, kernel: kernel)
    guard vmList != nil || !kernel.isDirectMap(address) else { throw .inDirectMap(address) }
    object.read(upTo: vmList.map { $0.offset + 16 } ?? Self.size)
    guard let table = VCPUTable(in: object.bytes, kvm: address, list: vmList?.offset, kernel: kernel) else {
      throw .noVCPUTable(address)
    }
    self.address = address
    vcpus = table.vcpus
    self.vmList = vmList
    // What was not looked at behind the list is not evidence; its frames may belong to others.
    let used = object.frames.prefix(((vmList?.offset ?? table.offset) + address.pageOffset) / pageSize + 1)
    let own = table.vcpus.compactMap { kernel.translate($0.address)?.frame }
    frames = used + table.frames + own
  }

  /// What can be said by the address alone. Source for the alignment: KVM allocates it by pages (`__vmalloc`, since
  /// 4.16).
  static func check(_ address: VirtualAddress, kernel: LinuxKernel) throws(KVMFault) {
    guard kernel.isPointer(address.rawValue) else { throw .unreadable(address) }
    if kernel.isUnmapped(address) { throw .unmapped(address) }
    guard kernel.translate(address) != nil else { throw .unreadable(address) }
    guard !LinuxKernel.isImageOrModule(address) else { throw .inImage(address) }
    guard address.pageOffset == 0 || kernel.isDirectMap(address) else { throw .unaligned(address) }
  }

  /// `vm_list`: the one list head of the object whose list passes through a head in the kernel image or a module.
  private static func vmList(in object: inout KernelBytes, kernel: LinuxKernel) -> VMList? {
    var budget = listBudget
    for offset in stride(from: 8, to: size, by: 8) {
      guard let next = object.u64(offset), let previous = object.u64(offset + 8) else { return nil }
      let node = object.address.rawValue &+ UInt64(offset)
      guard kernel.isLinked(node, next: next, previous: previous) else { continue }
      if let list = KernelList(from: node, kernel: kernel, budget: &budget) {
        return VMList(list: list, offset: offset)
      }
    }
    return nil
  }

  var list: KernelList? { vmList?.list }
}

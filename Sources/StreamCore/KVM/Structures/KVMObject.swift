/// Why a `struct kvm` is not believed.
public enum KVMFault: Error, Equatable, Sendable {
  /// The kernel's own tables do not map the address: a freed VM, or none.
  case unmapped(VirtualAddress)
  /// A page table on the way is not in the dump, or the address is none.
  case unreadable(VirtualAddress)
  /// In the mapping of the kernel image or the modules, where no VM lives.
  case inImage(VirtualAddress)
  /// In the vmalloc space, and not at the start of a page.
  case unaligned(VirtualAddress)
  /// In the direct map, where any guest's memory stands too, and no `vm_list` through the kernel proves it.
  case inDirectMap(VirtualAddress)
  /// Its bytes hold no table of vCPUs that name it in turn.
  case noVCPUTable(VirtualAddress)
  /// Other VMs of this host stand in one `vm_list`; this one does not.
  case notListed(VirtualAddress)
}

/// One `struct kvm` of the host. Source: include/linux/kvm_host.h; gprs.md §2.6, §5.5.
public struct KVMObject: Sendable, Equatable {
  public let address: VirtualAddress
  /// Its vCPUs, by index.
  public let vcpus: [VCPUPointer]
  /// The list of the host's VMs, where this one's place in it was found.
  let vmList: VMList?
  /// Frames that this rests on: the object's own, its table's nodes and its vCPUs' first.
  public let frames: [UInt64]

  /// Bytes of a `struct kvm` that are looked at: 6.1's is 40 KiB. gprs.md §2.6.
  static let size = 48 << 10
  /// List nodes visited at most while one object is searched.
  static let listBudget = 1 << 13

  /// - Parameter vmList: the host's, where it is known to hold this object.
  init(at address: VirtualAddress, kernel: HostKernel, vmList: VMList? = nil) throws(KVMFault) {
    try Self.check(address, kernel: kernel)
    var object = KernelStretch(address, limit: Self.size, kernel)
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
  static func check(_ address: VirtualAddress, kernel: HostKernel) throws(KVMFault) {
    guard kernel.isPointer(address.rawValue) else { throw .unreadable(address) }
    if kernel.isUnmapped(address) { throw .unmapped(address) }
    guard kernel.translate(address) != nil else { throw .unreadable(address) }
    guard !HostKernel.isImageOrModule(address) else { throw .inImage(address) }
    guard address.pageOffset == 0 || kernel.isDirectMap(address) else { throw .unaligned(address) }
  }

  /// `vm_list`: the one list head of the object whose list passes through a head in the kernel image or a module.
  private static func vmList(in object: inout KernelStretch, kernel: HostKernel) -> VMList? {
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

  public var list: KernelList? { vmList?.list }
}

/// The host's `vm_list`.
struct VMList: Sendable, Equatable {
  let list: KernelList
  /// Of the list's node in a `struct kvm`, bytes.
  let offset: Int

  /// Where the host's `struct kvm`s begin.
  var members: [VirtualAddress] { list.nodes.map { $0 &- UInt64(offset) } }
}

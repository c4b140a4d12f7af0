/// One `struct kvm` of the host. Source: include/linux/kvm_host.h; Documentation/kvm.md §2.6, §5.5.
struct KVMObject: Sendable, Equatable {
  let address: VirtualAddress
  /// Its vCPUs, by index.
  let vcpus: [VCPUPointer]
  /// How many there are by its own count, where its table has fewer.
  private(set) var fewerThan: Int?
  /// The list of the host's VMs, in which this one stands.
  let vmList: VMList
  /// Frames that this rests on: the object's own, its table's nodes and its vCPUs' first.
  let frames: [UInt64]

  /// Bytes of a `struct kvm` that are looked at: 6.1's is 40 KiB. Documentation/kvm.md §2.6.
  static let size = 48 << 10
  /// List nodes visited at most while one object is searched.
  static let listBudget = 1 << 13

  /// - Parameters:
  ///   - vmList: the host's, where it is known to hold this object.
  ///   - head: of the host's list, where it is known.
  /// - Throws: also where the object stands in no list of VMs: guests choose quadwords in many places of the kernel, and
  ///   what they build around one of them can look like a VM in all else.
  init(
    at address: VirtualAddress, kernel: LinuxKernel, vmList: VMList? = nil, head: VirtualAddress? = nil
  ) throws(KVMFault) {
    try Self.check(address, kernel: kernel)
    var object = KernelBytes(address, limit: Self.size, kernel)
    guard let vmList = vmList ?? Self.vmList(in: &object, head: head, kernel: kernel) else { throw .unlisted(address) }
    object.read(upTo: vmList.offset + 16)
    guard let table = VCPUTable(in: object.bytes, kvm: address, list: vmList.offset, kernel: kernel) else {
      throw .noVCPUTable(address)
    }
    self.address = address
    vcpus = table.vcpus
    fewerThan = table.online.flatMap { $0 > table.vcpus.count && $0 <= VCPUTable.vcpuLimit ? $0 : nil }
    self.vmList = vmList
    // What was not looked at behind the list is not evidence; its frames may belong to others.
    let used = object.frames.prefix((vmList.offset + address.pageOffset) / pageSize + 1)
    let own = table.vcpus.compactMap { kernel.translate($0.address)?.frame }
    frames = used + table.frames + own
  }

  /// A VM of the kernel's list, by the kernel's types; `nil` while its table names no vCPU.
  init?(_ vm: ListedVM, in vmList: VMList, kernel: LinuxKernel) {
    guard !vm.vcpus.isEmpty else { return nil }
    address = vm.kvm
    vcpus = vm.vcpus.map(\.pointer)
    self.vmList = vmList
    frames = vm.frames + vcpus.compactMap { kernel.translate($0.address)?.frame }
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
  private static func vmList(in object: inout KernelBytes, head: VirtualAddress?, kernel: LinuxKernel) -> VMList? {
    var budget = listBudget
    for offset in stride(from: 8, to: size, by: 8) {
      guard let next = object.u64(offset), let previous = object.u64(offset + 8) else { return nil }
      let node = object.address.rawValue &+ UInt64(offset)
      guard kernel.isLinked(node, next: next, previous: previous) else { continue }
      if let list = KernelList(from: node, kernel: kernel, budget: &budget), head.map({ $0 == list.head }) ?? true {
        return VMList(list: list, offset: offset)
      }
    }
    return nil
  }

  var list: KernelList { vmList.list }
}

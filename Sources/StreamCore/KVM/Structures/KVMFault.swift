/// Why a `struct kvm` is not believed.
enum KVMFault: Error, Equatable, Sendable {
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

extension KVMFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .unmapped(let kvm): "the VM at \(kvm) is unmapped"
    case .unreadable(let kvm): "the VM at \(kvm) is no kernel address, or the dump lacks its page tables"
    case .inImage(let kvm): "the VM at \(kvm) lies in the kernel image"
    case .unaligned(let kvm): "the VM at \(kvm) does not begin a page"
    case .inDirectMap(let kvm): "the VM at \(kvm) lies in the direct map, and the kernel's list of VMs lacks it"
    case .noVCPUTable(let kvm): "the VM at \(kvm) names no vCPU"
    case .notListed(let kvm): "the kernel's list of VMs lacks the VM at \(kvm)"
    }
  }
}

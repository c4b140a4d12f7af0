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
  /// It stands in no list that closes and passes a head in the kernel image or a module.
  case unlisted(VirtualAddress)
  /// Its bytes hold no table of vCPUs that name it in turn.
  case noVCPUTable(VirtualAddress)
  /// Its table names fewer vCPUs than it counts.
  case fewerVCPUs(found: Int, online: Int)
  /// Other VMs of this host stand in one `vm_list`; this one does not.
  case notListed(VirtualAddress)
  /// VMs stand in two lists, with these heads: one of them is forged.
  case twoLists(VirtualAddress, VirtualAddress)
}

extension KVMFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .unmapped(let kvm): "the VM at \(kvm) is unmapped"
    case .unreadable(let kvm): "the VM at \(kvm) is no kernel address, or the dump lacks its page tables"
    case .inImage(let kvm): "the VM at \(kvm) lies in the kernel image"
    case .unaligned(let kvm): "the VM at \(kvm) does not begin a page"
    case .unlisted(let kvm): "the VM at \(kvm) stands in no list of VMs"
    case .noVCPUTable(let kvm): "the VM at \(kvm) names no vCPU"
    case .fewerVCPUs(let found, let online): "its table names \(found) of its \(online) vCPUs"
    case .notListed(let kvm): "the kernel's list of VMs lacks the VM at \(kvm)"
    case .twoLists(let one, let other):
      "VMs stand in the list at \(one) and in the list at \(other), and one of the two is forged"
    }
  }
}

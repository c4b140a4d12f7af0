/// Finds the `vcpu_vmx` of regions, and proves it by the way back: the VM that the vCPU names has the vCPU in its
/// table.
struct VCPUFinder {
  let kernel: LinuxKernel
  /// Every `struct kvm` looked at so far, good or not, by address.
  private(set) var kvms: [UInt64: Result<KVMObject, KVMFault>] = [:]
  /// The VMs of the host, once one of them has led to the kernel's list: from then on no other address is looked at, so
  /// that forged ones cost nothing.
  private var members: Set<UInt64>?
  private var vmList: VMList?
  /// From the start of a `struct kvm` to `vm_list`, once a VM has told.
  var listOffset: UInt64? { vmList.map { UInt64($0.offset) } }
  /// Of the host's list, where its symbol is known.
  private let head: VirtualAddress?
  /// Two lists in which what looks like a VM stands.
  private(set) var twoLists: KVMFault?
  /// VMs outside the list that are looked at for a list of their own, at most.
  private var rivalTries = 64

  /// Where members stand, by the kernel itself.
  let types: KVMTypes?

  /// - Parameters:
  ///   - listed: the VMs of the kernel's own list, where it is known: then no other counts.
  ///   - head: of that list, where only the symbol is known.
  init(kernel: LinuxKernel, listed: ListedVMs? = nil, head: VirtualAddress? = nil) {
    self.kernel = kernel
    types = listed?.types
    self.head = listed?.vmList.list.head ?? head
    guard let listed else { return }
    members = Set(listed.vms.map(\.kvm.rawValue))
    vmList = listed.vmList
    for vm in listed.vms {
      let object = KVMObject(vm, in: listed.vmList, kernel: kernel)
      kvms[vm.kvm.rawValue] = object.map { .success($0) } ?? .failure(.noVCPUTable(vm.kvm))
    }
  }

  /// The `struct kvm` at an address, looked at once.
  mutating func kvm(at address: UInt64) -> Result<KVMObject, KVMFault> {
    if let members, !members.contains(address) {
      // Not kept: a guest can name any number of them.
      return Result { () throws(KVMFault) in try refuse(VirtualAddress(rawValue: address)) }
    }
    if let known = kvms[address] { return known }
    let result = Result { () throws(KVMFault) in
      try KVMObject(at: VirtualAddress(rawValue: address), kernel: kernel, vmList: vmList, head: head)
    }
    kvms[address] = result
    return result
  }

  /// An address outside of the list, by what is wrong with it.
  private func refuse(_ address: VirtualAddress) throws(KVMFault) -> KVMObject {
    try KVMObject.check(address, kernel: kernel)
    throw .notListed(address)
  }

  /// Places before the region's MSR-load area that hold its direct-map address and look like a `loaded_vmcs`, nearest
  /// first.
  func pointers(of region: RegionFacts) -> [RegionHolder] {
    guard let load = region.entryMSRLoad, load >= VCPUShape.pointerReach, load & 7 == 0 else { return [] }
    let bytes = PhysicalBytes(
      kernel.memory, from: load - VCPUShape.pointerReach, count: VCPUShape.pointerReach + RegionHolder.reach)
    let value = kernel.directMapped(region.address)
    return stride(from: load - 8, through: bytes.start, by: -8).compactMap { place in
      guard bytes.u64(place) == value else { return nil }
      let loaded = RegionHolder(at: place, of: region, bytes: bytes, kernel: kernel)
      return loaded.isConvincing ? loaded : nil
    }
  }

  /// A place at a physical address, where it is convincing.
  func pointer(at place: UInt64, of region: RegionFacts) -> RegionHolder? {
    let bytes = PhysicalBytes(kernel.memory, from: place & ~7, count: RegionHolder.reach)
    guard bytes.u64(place) == kernel.directMapped(region.address) else { return nil }
    let loaded = RegionHolder(at: place, of: region, bytes: bytes, kernel: kernel)
    return loaded.isConvincing ? loaded : nil
  }

  /// Where a `struct kvm` may lie: kernels since 4.16 have none in the direct map, where every forged one is.
  enum Space { case vmalloc, any }

  /// The vCPU that `loaded` stands in, by the distances to try.
  mutating func prove(_ loaded: RegionHolder, distances: [UInt64], in space: Space) -> VCPUProof? {
    for distance in distances where loaded.address >= distance {
      if let proof = prove(loaded, start: loaded.address - distance, in: space) { return proof }
    }
    return nil
  }

  /// The vCPU that `loaded` stands in, wherever it begins.
  mutating func proveAnywhere(_ loaded: RegionHolder, in space: Space) -> VCPUProof? {
    guard loaded.address >= VCPUShape.startReach else { return nil }
    let bytes = PhysicalBytes(
      kernel.memory, from: (loaded.address - VCPUShape.startReach) & ~0xf, count: VCPUShape.startReach)
    var trials = VCPUShape.trials
    // The slab cache of vCPUs aligns them to 64 bytes, to 16 before 3.9.
    for start in stride(from: loaded.address & ~0xf, through: bytes.start, by: -16) where trials > 0 {
      guard let value = bytes.u64(start), members?.contains(value) ?? true, isCandidate(value, space) else { continue }
      trials -= 1
      if let proof = prove(loaded, start: start, in: space) { return proof }
    }
    return nil
  }

  private func isCandidate(_ value: UInt64, _ space: Space) -> Bool {
    if head != nil, let members { return members.contains(value) }
    let address = VirtualAddress(rawValue: value)
    guard (try? KVMObject.check(address, kernel: kernel)) != nil else { return false }
    return space == .any || !kernel.isDirectMap(address)
  }

  /// A second list of VMs that is as good as the first shows that one of them is forged.
  private mutating func lookForRival(_ address: VirtualAddress) {
    guard head == nil, twoLists == nil, rivalTries > 0, let vmList else { return }
    rivalTries -= 1
    guard let object = try? KVMObject(at: address, kernel: kernel), object.list.head != vmList.list.head else { return }
    let heads = [vmList.list.head, object.list.head].sorted()
    twoLists = .twoLists(heads[0], heads[1])
  }

  /// The vCPU that begins at `start`, if the VM it names has it.
  mutating func prove(_ loaded: RegionHolder, start: UInt64, in space: Space) -> VCPUProof? {
    guard start & 7 == 0, let address = kernel.memory.u64(start), isCandidate(address, space) else { return nil }
    if let members, !members.contains(address) {
      lookForRival(VirtualAddress(rawValue: address))
      return nil
    }
    guard case .success(let object) = kvm(at: address) else { return nil }
    let own = VirtualAddress(rawValue: kernel.directMapped(HPA(rawValue: start)))
    guard kernel.isDirectMap(own), let vcpu = object.vcpus.first(where: { $0.address == own }) else { return nil }
    if members == nil {
      members = Set(object.vmList.members.map(\.rawValue))
      vmList = object.vmList
    }
    return VCPUProof(start: start, pointer: loaded.address, loaded: loaded, kvm: object, index: vcpu.index)
  }
}

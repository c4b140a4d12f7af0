/// Distances inside `struct vcpu_vmx`, in bytes. They differ by kernel and configuration, and are one for all vCPUs of a host;
/// what is found on one vCPU is confirmed on the others. Source: gprs.md §1, §2.
public struct VCPUShape: Sendable, Equatable {
  /// From the start of the object to `vmcs01.vmcs`, the pointer to the vCPU's region.
  public var startToPointer: UInt64
  /// From `vmcs01.vmcs` to the VM-entry MSR-load area; `nil` when no region led there that way.
  public var pointerToMSRLoad: UInt64?
  /// From `vmcs01.vmcs` to `vcpu_vmx.loaded_vmcs`, the pointer to the `loaded_vmcs` in use.
  public var pointerToLoaded: UInt64?

  /// First guesses for `startToPointer`: 6.1, 6.1 built without modules, 6.12. gprs.md §1. The search goes on without them.
  static let guesses: [UInt64] = [6792, 6784, 6720]
  /// The pointer is looked for in so many bytes before the MSR-load area.
  static let pointerReach: UInt64 = 2048
  /// The start of the object is looked for in so many bytes before the pointer.
  static let startReach: UInt64 = 16 << 10
  /// Starts tried at most for one pointer, beyond the guesses.
  static let trials = 256
  /// `vmcs02` stands in so many bytes behind `vmcs01` (1304 in 6.1, 1312 in 6.12). gprs.md §1.
  static let nestedReach: UInt64 = 4096
}

/// A region whose address stands in the `loaded_vmcs` of a vCPU that a VM's own table names.
struct VCPUPlace: Sendable, Equatable {
  /// Physical address of `kvm_vcpu`, which is that of `vcpu_vmx`.
  let start: UInt64
  let pointer: UInt64
  let loaded: LoadedVMCS
  let kvm: KVMObject
  /// Index in the VM's table.
  let index: Int

  var startToPointer: UInt64 { pointer &- start }
}

/// Finds the `vcpu_vmx` of regions, and proves it by the way back: the VM that the vCPU names has the vCPU in its table.
struct VCPUFinder {
  let kernel: HostKernel
  /// Every `struct kvm` looked at so far, good or not, by address.
  private(set) var kvms: [UInt64: Result<KVMObject, KVMFault>] = [:]
  /// The VMs of the host, once one of them has led to the kernel's list: from then on no other address is looked at, so that
  /// forged ones cost nothing.
  private(set) var members: Set<UInt64>?

  init(kernel: HostKernel) { self.kernel = kernel }

  /// The `struct kvm` at an address, looked at once.
  mutating func kvm(at address: UInt64) -> Result<KVMObject, KVMFault> {
    if let known = kvms[address] { return known }
    let result = Result { () throws(KVMFault) in try judge(VirtualAddress(rawValue: address)) }
    kvms[address] = result
    return result
  }

  private func judge(_ address: VirtualAddress) throws(KVMFault) -> KVMObject {
    if let members, !members.contains(address.rawValue) {
      try KVMObject.check(address, kernel: kernel)
      throw kernel.isDirectMap(address) ? .inDirectMap(address) : .notListed(address)
    }
    return try KVMObject(at: address, kernel: kernel)
  }

  /// Places before the region's MSR-load area that hold its direct-map address and look like a `loaded_vmcs`, nearest first.
  func pointers(of region: RegionFacts) -> [LoadedVMCS] {
    guard let load = region.entryMSRLoad, load >= VCPUShape.pointerReach, load & 7 == 0 else { return [] }
    let window = PhysicalWindow(
      kernel.memory, from: load - VCPUShape.pointerReach, count: VCPUShape.pointerReach + LoadedVMCS.reach)
    let value = kernel.directMapped(region.address)
    return stride(from: load - 8, through: window.start, by: -8).compactMap { place in
      guard window.u64(place) == value else { return nil }
      let loaded = LoadedVMCS(at: place, of: region, window: window, kernel: kernel)
      return loaded.isConvincing ? loaded : nil
    }
  }

  /// A place at a physical address, where it is convincing.
  func pointer(at place: UInt64, of region: RegionFacts) -> LoadedVMCS? {
    let window = PhysicalWindow(kernel.memory, from: place & ~7, count: LoadedVMCS.reach)
    guard window.u64(place) == kernel.directMapped(region.address) else { return nil }
    let loaded = LoadedVMCS(at: place, of: region, window: window, kernel: kernel)
    return loaded.isConvincing ? loaded : nil
  }

  /// Where a `struct kvm` may lie: kernels since 4.16 have none in the direct map, where every forged one is.
  enum Space { case vmalloc, any }

  /// The vCPU that `loaded` stands in, by the distances to try.
  mutating func prove(_ loaded: LoadedVMCS, distances: [UInt64], in space: Space) -> VCPUPlace? {
    for distance in distances where loaded.address >= distance {
      if let place = prove(loaded, start: loaded.address - distance, in: space) { return place }
    }
    return nil
  }

  /// The vCPU that `loaded` stands in, wherever it begins.
  mutating func proveAnywhere(_ loaded: LoadedVMCS, in space: Space) -> VCPUPlace? {
    guard loaded.address >= VCPUShape.startReach else { return nil }
    let window = PhysicalWindow(
      kernel.memory, from: (loaded.address - VCPUShape.startReach) & ~0xf, count: VCPUShape.startReach)
    var trials = VCPUShape.trials
    // The slab cache of vCPUs aligns them to 64 bytes, to 16 before 3.9.
    for start in stride(from: loaded.address & ~0xf, through: window.start, by: -16) where trials > 0 {
      guard let value = window.u64(start), isCandidate(value, space) else { continue }
      trials -= 1
      if let place = prove(loaded, start: start, in: space) { return place }
    }
    return nil
  }

  private func isCandidate(_ value: UInt64, _ space: Space) -> Bool {
    let address = VirtualAddress(rawValue: value)
    guard (try? KVMObject.check(address, kernel: kernel)) != nil else { return false }
    return space == .any || !kernel.isDirectMap(address)
  }

  /// The vCPU that begins at `start`, if the VM it names has it.
  mutating func prove(_ loaded: LoadedVMCS, start: UInt64, in space: Space) -> VCPUPlace? {
    guard start & 7 == 0, let address = kernel.memory.u64(start), isCandidate(address, space),
      case .success(let object) = kvm(at: address)
    else { return nil }
    let own = VirtualAddress(rawValue: kernel.directMapped(HPA(rawValue: start)))
    guard kernel.isDirectMap(own), let vcpu = object.vcpus.first(where: { $0.address == own }) else { return nil }
    if members == nil, object.list != nil { members = Set(object.siblings.map(\.rawValue)) }
    return VCPUPlace(start: start, pointer: loaded.address, loaded: loaded, kvm: object, index: vcpu.index)
  }
}

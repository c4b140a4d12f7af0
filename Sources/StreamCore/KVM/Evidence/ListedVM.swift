/// A VM of the kernel's own list, as far as the kernel's structures lead from it to its vCPUs and their regions.
struct ListedVM: Sendable {
  /// Its `struct kvm`.
  let kvm: VirtualAddress
  private(set) var vcpus: [ListedVCPU] = []
  /// What of it cannot be followed.
  private(set) var faults: [ListedVMFault] = []
  /// Frames that its vCPUs rest on: those of its own that were looked at, and its table's nodes.
  private(set) var frames: [UInt64] = []
  /// Its slots and its VMM's page tables.
  let memory: Result<VMMemory, VMMemoryFault>
  /// Which VM it is.
  var identity: VMIdentity?
  /// Its clocks, where they are known.
  var clock: Result<VMClock, KernelFault>?

  /// - Parameter open: vCPUs of this VM that processes hold open.
  init(
    at address: VirtualAddress, _ types: KVMTypes, kernel: LinuxKernel, processes: ProcessKnowledge,
    open: [VCPUPointer] = []
  ) {
    kvm = address
    memory = types.slots.mapError(VMMemoryFault.types).flatMap { slots in
      Result { () throws(VMMemoryFault) in try VMMemory(of: address, slots, kernel: kernel, processes: processes) }
    }
    let online = (try? kernel.integer(address &+ types.onlineVCPUs, size: 4)).flatMap { Int(exactly: $0) }
    var pointers: [VCPUPointer]
    switch types.table {
    case .xarray(let array, let head): pointers = xarray(address &+ array, head: address &+ head, kernel)
    case .array(let start, let count): pointers = self.array(address &+ start, min(count, online ?? 0), kernel)
    }
    for place in [types.list, types.onlineVCPUs] { note(address &+ place, kernel) }
    let known = Set(pointers.map(\.address))
    pointers += open.filter { !known.contains($0.address) }
    pointers.sort { ($0.index, $0.address) < ($1.index, $1.address) }
    if let online {
      // A vCPU in the making stands in the table before it is counted.
      if pointers.count >= online { faults = [] }
      if faults.isEmpty, pointers.count < online { faults = [.count(found: pointers.count, online: online)] }
    } else if faults.isEmpty {
      faults = [.unreadable(address &+ types.onlineVCPUs)]
    }
    for pointer in pointers {
      let vcpu = ListedVCPU(pointer, of: address, types, kernel: kernel)
      if let fault = vcpu.fault { faults.append(.vcpu(pointer, fault)) }
      vcpus.append(vcpu)
    }
  }

  /// - Parameter shared: regions that more than one vCPU names.
  mutating func refuse(_ shared: Set<HPA>) {
    for vcpu in vcpus {
      for region in [vcpu.region, vcpu.nested] {
        if let region, shared.contains(region) { faults.append(.shared(vcpu.pointer, region)) }
      }
    }
  }

  private mutating func note(_ address: VirtualAddress, _ kernel: LinuxKernel) {
    if let frame = kernel.translate(address)?.frame, !frames.contains(frame) { frames.append(frame) }
  }

  private mutating func array(_ start: VirtualAddress, _ count: Int, _ kernel: LinuxKernel) -> [VCPUPointer] {
    var pointers: [VCPUPointer] = []
    for index in 0..<count {
      let place = start &+ UInt64(index) * 8
      guard let value = kernel.u64(place.rawValue) else {
        faults.append(.unreadable(place))
        continue
      }
      note(place, kernel)
      if kernel.isPointer(value) {
        pointers.append(VCPUPointer(index: index, address: VirtualAddress(rawValue: value)))
      }
    }
    return pointers
  }

  private mutating func xarray(
    _ array: VirtualAddress, head place: VirtualAddress, _ kernel: LinuxKernel
  ) -> [VCPUPointer] {
    guard let head = kernel.u64(place.rawValue) else {
      faults.append(.unreadable(place))
      return []
    }
    note(place, kernel)
    let table = KernelXArray(array, head: head, kernel: kernel, limit: VCPUTable.vcpuLimit)
    for node in table.nodes {
      note(node, kernel)
      note(node &+ UInt64(KernelXArray.nodeBytes - 1), kernel)
    }
    faults += table.gaps.map { .table($0) }
    // What is no pointer is missed by the count.
    return table.entries.compactMap { entry in
      guard case .pointer(let address) = entry.value, kernel.isPointer(address.rawValue),
        entry.index < UInt64(VCPUTable.vcpuLimit)
      else { return nil }
      return VCPUPointer(index: Int(entry.index), address: address)
    }
  }
}

/// A vCPU that a listed VM's table names.
struct ListedVCPU: Sendable {
  let pointer: VCPUPointer
  /// The region that `vmcs01` names, whether or not the dump holds it.
  private(set) var region: HPA?
  /// The region of its guest's own guest, where it has one.
  private(set) var nested: HPA?
  private(set) var fault: Fault?
  /// The roots of its second-level map that KVM has in use; `nil` where that cannot be told.
  private(set) var roots: Set<HPA>?

  /// Why a vCPU is not followed.
  enum Fault: Sendable, Equatable {
    /// It names this VM as its own.
    case foreign(UInt64)
    /// The dump lacks the page in which `vmcs01` stands.
    case unreadable
    /// `vmcs01` holds this, which is no page of the direct map.
    case noVMCS(UInt64)
  }

  init(_ pointer: VCPUPointer, of kvm: VirtualAddress, _ types: KVMTypes, kernel: LinuxKernel) {
    self.pointer = pointer
    // A first page that the dump lacks contradicts nothing.
    if let own = kernel.u64((pointer.address &+ types.kvmOfVCPU).rawValue), own != kvm.rawValue {
      fault = .foreign(own)
      return
    }
    guard let shape = types.vcpu else { return }
    guard let value = kernel.u64((pointer.address &+ shape.startToPointer).rawValue) else {
      fault = .unreadable
      return
    }
    region = kernel.page(named: value)
    if region == nil { fault = .noVMCS(value) }
    roots = Self.roots(of: pointer.address, types, kernel)
    if let place = types.vmcs02, let value = kernel.u64((pointer.address &+ place).rawValue) {
      nested = kernel.page(named: value)
    }
  }
}

extension ListedVCPU {
  private static func roots(of vcpu: VirtualAddress, _ types: KVMTypes, _ kernel: LinuxKernel) -> Set<HPA>? {
    guard !types.roots.isEmpty else { return nil }
    var roots: Set<HPA> = []
    for place in types.roots {
      guard let value = kernel.u64((vcpu &+ place).rawValue) else { return nil }
      // INVALID_PAGE is all ones.
      if value != .max { roots.insert(HPA(rawValue: value & kernel.frameMask)) }
    }
    return roots
  }
}

/// Why a listed VM is not whole.
enum ListedVMFault: Sendable, Equatable {
  /// The dump lacks this part of its `struct kvm`.
  case unreadable(VirtualAddress)
  /// A part of its table that cannot be read, or is none of that table.
  case table(KernelXArray.Gap)
  case count(found: Int, online: Int)
  case vcpu(VCPUPointer, ListedVCPU.Fault)
  /// Another listed VM claims the same region.
  case shared(VCPUPointer, HPA)
}

extension ListedVMFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .unreadable(let place): "\(place) of its struct kvm is damaged or not in the dump"
    case .table(let gap): "its table of vCPUs cannot be read \(gap)"
    case .count(let found, let online): "its table names \(found) of its \(online) vCPUs"
    case .vcpu(let pointer, .foreign(let other)):
      "its vCPU \(pointer.index) at \(pointer.address) names another VM, \(hex(other))"
    case .vcpu(let pointer, .unreadable):
      "the dump lacks the part of its vCPU \(pointer.index) at \(pointer.address) that names its VMCS, or has it damaged"
    case .vcpu(let pointer, .noVMCS(let value)):
      "its vCPU \(pointer.index) at \(pointer.address) has \(hex(value)) for its VMCS, which is no page of the direct map"
    case .shared(let pointer, let region):
      "its vCPU \(pointer.index) at \(pointer.address) names VMCS \(region), and so does another vCPU"
    }
  }
}

extension LinuxKernel {
  /// The page that a direct-map address names.
  func page(named value: UInt64) -> HPA? {
    value != 0 && value & 0xfff == 0 ? physical(ofDirectMap: value) : nil
  }
}

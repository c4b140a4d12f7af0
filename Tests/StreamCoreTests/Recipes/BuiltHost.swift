/// A host in memory, and what a test may expect of the dumps made from it.
struct BuiltHost: Sendable {
  let spec: HostSpec
  let space: RecipeSpace
  let kernel: RecipeKernel
  let layout: RecipeLayout
  /// Physical addresses, one a CPU.
  let vmxonRegions: [UInt64]
  /// Virtual address of KVM's list head of all VMs.
  let vmList: UInt64
  /// All guests in the recipe's order, dead ones too.
  let guests: [BuiltGuest]
  /// Runs of frames that no dump of this host holds.
  let droppedRuns: [Range<UInt64>]
  /// Runs of frames that belong to processes: what dump level 8 leaves out.
  let userRuns: [Range<UInt64>]
  /// Regions that nobody runs, in the recipe's order.
  var forgeries: [BuiltForgery] = []

  var memory: RecipeMemory { space.memory }
  /// Offsets in its kernel's structures.
  var shape: RecipeKVMShape { RecipeKVMShape.all.first { $0.name == spec.shape } ?? RecipeKVMShape.all[0] }
  /// Runs of frames that are RAM.
  var ram: [Range<UInt64>] { space.ram }

  /// The guests that must come out, in the order of their lowest VMCS address.
  var liveGuests: [BuiltGuest] {
    guests.filter { !$0.isDead }.sorted { ($0.vcpus.map(\.vmcs).min() ?? 0) < ($1.vcpus.map(\.vmcs).min() ?? 0) }
  }

  func guest(_ name: String) -> BuiltGuest? { guests.first { $0.name == name } }

  /// The frames that a dump of this level holds, ascending. Level bits as in makedumpfile: 8 user data, 16 free pages;
  /// zero pages (bit 1) are the writers' concern.
  func storedFrames(level: UInt32) -> [UInt64] {
    let hidden = level & 8 != 0 ? droppedRuns + userRuns : droppedRuns
    var single: Set<UInt64> = []
    for run in hidden where run.count <= 512 { single.formUnion(run) }
    let long = hidden.filter { $0.count > 512 }
    var frames: [UInt64]
    if level & 16 != 0 {
      frames = (Array(space.used) + space.blocks.flatMap { Array($0) }).filter { space.isRAM($0) }.sorted()
    } else {
      frames = space.ram.flatMap { Array($0) }
    }
    if !single.isEmpty { frames.removeAll { single.contains($0) } }
    for run in long { frames.removeAll { run.contains($0) } }
    return frames
  }

  /// The notes of the host's dump: a NT_PRSTATUS a CPU, then VMCOREINFO unless the recipe says there is none.
  var notes: [UInt8] {
    var bytes: [UInt8] = []
    for cpu in 0..<spec.cpus {
      var registers = [UInt64](repeating: 0, count: 27)
      registers[16] = kernel.stext + RecipeKernel.Place.idle + 2
      registers[17] = 0x10
      registers[18] = 0x246
      registers[19] = kernel.perCPUBase(cpu) + 0x7f00
      registers[20] = 0x18
      registers[22] = kernel.perCPUBase(cpu)
      bytes += RecipeNotes.processStatus(pid: 0, registers: registers)
    }
    if let text = vmcoreInfo { bytes += RecipeNotes.note(name: "VMCOREINFO", type: 0, descriptor: Array(text.utf8)) }
    return bytes
  }

  var vmcoreInfo: String? { spec.hasVMCoreInfo ? kernel.vmcoreInfo : nil }
}

/// One guest: what stands where, and what must come out.
struct BuiltGuest: Sendable {
  let spec: GuestSpec
  let image: RecipeGuestImage
  let backing: RecipeBacking
  var kvm = RecipeKernel.Mapping(virtual: 0, frames: [])
  var processTables = RecipePageTables(root: 0, levels: 4)
  var eptPointer: UInt64 = 0
  /// Per RAM range: first guest frame, frames, HVA of the first.
  var hostVirtual: [(gfn: UInt64, pages: UInt64, hva: UInt64)] = []
  /// In the order of creation.
  var vcpus: [BuiltVCPU] = []
  /// The host's memory, as it ended up, and frames of it that dumps leave out.
  var memory = RecipeMemory()
  var dropped: [Range<UInt64>] = []

  init(spec: GuestSpec, image: RecipeGuestImage, backing: RecipeBacking) {
    self.spec = spec
    self.image = image
    self.backing = backing
  }

  enum Status: Sendable, Equatable {
    /// EPT maps it.
    case mapped
    /// Only the VMM's page tables map it.
    case hvaOnly
    /// Mapped, and left out of the dump.
    case filtered
    case swapped, untouched, device
    /// No RAM of this guest.
    case none
  }

  var name: String { spec.name }
  var isDead: Bool { spec.isDead }
  /// RAM in runs of guest frames.
  var ranges: [Range<UInt64>] { image.space.ram }
  /// The vCPUs in the order in which they must come out: by APIC id.
  var orderedVCPUs: [BuiltVCPU] { vcpus.sorted { $0.apicID < $1.apicID } }

  func status(_ gfn: UInt64) -> Status {
    if spec.devices.contains(where: { $0.range.contains(gfn << 12) }) { return .device }
    guard image.space.isRAM(gfn) else { return .none }
    guard let frame = backing.frame(gfn) else { return image.has(gfn, .swapped) ? .swapped : .untouched }
    if dropped.contains(where: { $0.contains(frame) }) { return .filtered }
    return image.has(gfn, .hvaOnly) ? .hvaOnly : .mapped
  }

  /// The bytes that a guest dump must hold for a guest frame; `nil` when it can hold none.
  func page(_ gfn: UInt64) -> [UInt8]? {
    switch status(gfn) {
    case .mapped, .hvaOnly: backing.frame(gfn).map { memory.page($0) }
    default: nil
    }
  }
}

/// One vCPU: its addresses in the host and its true state.
struct BuiltVCPU: Sendable {
  /// Physical address of the region.
  let vmcs: UInt64
  let apicID: UInt32
  /// Also the index in `vcpu_array`.
  let vcpuID: Int
  let hostCPU: Int
  let state: VCPUSpec.State
  /// Physical address of the `vcpu_vmx`.
  let vcpuAddress: UInt64
  /// Every field given to the region, whether or not the layout has it.
  let fields: [String: UInt64]
  /// What the vCPU truly holds.
  var registers: BuiltRegisters
  let stack: RecipeKernel.Mapping
  /// The frame to which HOST_FS_BASE leads.
  let tlsFrame: UInt64?

  /// KVM_MP_STATE_*: 0 runnable, 1 uninitialized, 3 halted.
  var mpState: UInt32 { state == .halted ? 3 : state == .neverRun ? 1 : 0 }
}

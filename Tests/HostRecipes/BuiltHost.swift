import HostModel

/// A host in memory, and what a test may expect of the dumps made from it.
package struct BuiltHost: Sendable {
  package let spec: HostSpec
  package var space: RecipeSpace
  package let kernel: BuiltKernel
  package let module: KVMModule
  package var layout: VMCSLayout
  /// Physical addresses, one a CPU.
  package let vmxonRegions: [UInt64]
  /// Virtual address of KVM's list head of all VMs.
  package let vmList: UInt64
  /// All guests in the recipe's order, dead ones too.
  package let guests: [BuiltGuest]
  /// Runs of frames that no dump of this host holds.
  package internal(set) var droppedRuns: [Range<UInt64>]
  /// Runs of frames that belong to processes: what dump level 8 leaves out.
  package let userRuns: [Range<UInt64>]
  /// What KVM has for all guests.
  package let moduleStructures: [BuiltStructure]
  /// What processes map, and the trees of the files behind it: what only some guests' pages hang on.
  package let mappingStructures: [BuiltStructure]
  /// What pages hang on that are swapped out and in memory all the same.
  package let swapStructures: [BuiltStructure]
  /// Regions that nobody runs, in the recipe's order.
  package var forgeries: [BuiltForgery] = []
  /// Of an AMD host: physical addresses of the processors' own save areas, one a CPU.
  package var hostSaveAreas: [UInt64] = []

  package var memory: SparseMemory { space.memory }
  /// Offsets in its kernel's structures.
  package var shape: KVMShape { spec.kvmShape ?? KVMShape.all[0] }
  /// Runs of frames that are RAM.
  package var ram: [Range<UInt64>] { space.ram }

  /// The guests that must come out, in the order of their lowest VMCS address.
  package var liveGuests: [BuiltGuest] {
    guests.filter { !$0.isDead }.sorted { ($0.vcpus.map(\.vmcs).min() ?? 0) < ($1.vcpus.map(\.vmcs).min() ?? 0) }
  }

  package func guest(_ name: String) -> BuiltGuest? { guests.first { $0.name == name } }

  /// The frames that a dump of this level holds, ascending. Level bits as in makedumpfile: 8 user data, 16 free pages;
  /// zero pages (bit 1) are the writers' concern.
  package func storedFrames(level: UInt32) -> [UInt64] {
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
  package var notes: [UInt8] { kernel.crashNotes(hasVMCoreInfo: spec.hasVMCoreInfo) }

  package var vmcoreInfo: String? { spec.hasVMCoreInfo ? kernel.vmcoreInfo : nil }
}

/// One guest: what stands where, and what must come out.
package struct BuiltGuest: Sendable {
  package let spec: GuestSpec
  package let image: RecipeGuestImage
  package let backing: RecipeBacking
  package var kvm = BuiltKernel.Mapping(virtual: 0, frames: [])
  package var processTables = PageTables(root: 0, levels: 4)
  /// Its VMM, where the host's kernel describes itself.
  package var vmm: BuiltProcess?
  /// Slots and nodes that its `struct kvm` leads to.
  package var tables: [BuiltStructure] = []
  package var eptPointer: UInt64 = 0
  /// Per RAM range: first guest frame, frames, HVA of the first.
  package var hostVirtual: [(gfn: UInt64, pages: UInt64, hva: UInt64)] = []
  /// In the order of creation.
  package var vcpus: [BuiltVCPU] = []
  /// The host's memory, as it ended up, and frames of it that dumps leave out.
  package var memory = SparseMemory()
  package var dropped: [Range<UInt64>] = []

  package init(spec: GuestSpec, image: RecipeGuestImage, backing: RecipeBacking) {
    self.spec = spec
    self.image = image
    self.backing = backing
  }

  package enum Status: Sendable, Equatable {
    /// EPT maps it.
    case mapped
    /// Only the VMM's page tables map it.
    case hvaOnly
    /// Mapped, and left out of the dump.
    case filtered
    /// Only the page cache has it.
    case cached
    /// Only the VMM's page tables map it, on the kernel's zero page.
    case zeroPage
    case swapped, hwpoison, devicePrivate, userfault, untouched, device
    /// Swapped out, and zswap has it.
    case zswapped
    /// No RAM of this guest.
    case none
  }

  package var name: String { spec.name }
  package var isDead: Bool { spec.isDead }
  /// RAM in runs of guest frames.
  package var ranges: [Range<UInt64>] { image.space.ram }
  /// The vCPUs in the order in which they must come out: by APIC id.
  package var orderedVCPUs: [BuiltVCPU] { vcpus.sorted { $0.apicID < $1.apicID } }

  package func status(_ gfn: UInt64) -> Status {
    if spec.devices.contains(where: { $0.range.contains(gfn << 12) }) { return .device }
    guard image.space.isRAM(gfn) else { return .none }
    guard let frame = backing.frame(gfn) else {
      return Self.frameless.first { image.has(gfn, $0.0) }?.1 ?? .untouched
    }
    if dropped.contains(where: { $0.contains(frame) }) { return .filtered }
    if image.has(gfn, .cached) { return .cached }
    return image.has(gfn, .hvaOnly, .protNone, .migrating, .swapCached) ? .hvaOnly : .mapped
  }

  private static let frameless: [(GuestRange, Status)] = [
    (.swapped, .swapped), (.zeroPage, .zeroPage), (.swapZero, .zeroPage), (.hwpoison, .hwpoison),
    (.devicePrivate, .devicePrivate),
    (.userfault, .userfault), (.poisonMarker, .hwpoison), (.cacheSwapped, .swapped),
    (.swapReading, .swapped), (.zswapped, .zswapped), (.cacheZswapped, .zswapped), (.cacheUnready, .untouched),
  ]

  /// The bytes that a guest dump must hold for a guest frame; `nil` when it can hold none.
  package func page(_ gfn: UInt64) -> [UInt8]? {
    switch status(gfn) {
    case .zeroPage: [UInt8](repeating: 0, count: 4096)
    case .zswapped: image.space.memory.page(gfn)
    case .mapped, .hvaOnly, .cached: backing.frame(gfn).map { memory.page($0) }
    default: nil
    }
  }
}

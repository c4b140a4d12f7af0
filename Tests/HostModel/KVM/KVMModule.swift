/// KVM in the host's kernel: what its modules keep for all VMs, and how a VM and a vCPU are made. Lists are closed when
/// all are there.
public struct KVMModule: Sendable {
  /// Where the list head of all VMs stands in its page of module data.
  static let listPlace: UInt64 = 0x2c0
  /// `pvclock_gtod_data`, and in it `offs_boot`: for how long the host was suspended.
  static let timePlace: UInt64 = 0x900
  static let sleptPlace: UInt64 = 104
  /// `gmem_in_place_conversion`, a byte.
  static let conversionPlace: UInt64 = 0xa01
  public static let slept: UInt64 = 2_000_000_000

  /// Where `kvm_uret_msrs_list` and `kvm_nr_uret_msrs` stand there, and what they hold on a processor that has them all.
  public static let returnList: UInt64 = 0x800
  static let returnCount: UInt64 = 0x840
  static let returnMSRs: [UInt64] = [
    0xc000_0084, 0xc000_0082, 0xc000_0083, 0xc000_0080, 0xc000_0103, 0xc000_0081, 0x122,
  ]

  /// Where `vmx_vmexit` stands in its page of module text.
  static let exitPlace: UInt64 = 0x3ae

  /// Bytes from the start of a CPU's area, where Debian's cloud kernel of 6.1 has them.
  enum PerCPU {
    /// `current_vmcs`, a pointer to the `loaded_vmcs` region in use.
    static let currentVMCS: UInt64 = 0x34038
    /// `loaded_vmcss_on_cpu`, a list head.
    static let loaded: UInt64 = 0x34050
  }

  public let layout: VMCSLayout
  public let shape: KVMShape
  let listPage: BuiltKernel.Mapping
  /// Virtual address of `vmx_vmexit`: HOST_RIP of all regions.
  public private(set) var vmexit: UInt64 = 0
  /// Physical addresses of the bitmaps of nested virtualisation.
  private(set) var vmreadBitmap: UInt64 = 0
  private(set) var vmwriteBitmap: UInt64 = 0
  /// Per CPU: physical address of its VXMON region.
  public private(set) var vmxonRegions: [UInt64] = []
  var vcpuSlab: KernelSlab
  var nodeSlab = KernelSlab(objectSize: 576, slabFrames: 4)
  var slotSlab = KernelSlab(objectSize: 320, slabFrames: 1)
  /// How many vCPUs there are so far, dead ones too.
  var vcpuCount = 0
  /// Per CPU: physical addresses of the list nodes of the VMCSs loaded on it.
  var loadedLinks: [Int: [UInt64]] = [:]

  /// What KVM has for the whole host and a reader comes by: lists, per-CPU words, the modules' own.
  public internal(set) var structures: [BuiltStructure] = []

  /// Virtual address of `vm_list`.
  public var vmList: UInt64 { listPage.virtual + KVMModule.listPlace }

  /// The module's data. Its text comes with `load`.
  public init<Space: FrameSpace>(
    layout: VMCSLayout, shape: KVMShape, kernel: inout BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    self.layout = layout
    self.shape = shape
    vcpuSlab = KernelSlab(objectSize: shape.size, slabFrames: 8)
    let isBuiltIn = kernel.description.selfDescription?.isKVMBuiltIn ?? false
    if isBuiltIn {
      listPage = kernel.imagePage(BuiltKernel.DataPlace.kvmData)
    } else {
      listPage = try kernel.moduleAlloc(pages: 1, in: &space)
    }
  }

  /// The module's text, a VXMON region for each CPU, and the bitmaps.
  public mutating func load<Space: FrameSpace>(
    kernel: inout BuiltKernel, in space: inout Space
  ) throws(Space.Failure) {
    let isBuiltIn = kernel.description.selfDescription?.isKVMBuiltIn ?? false
    let text: BuiltKernel.Mapping
    if isBuiltIn {
      text = kernel.imagePage(BuiltKernel.DataPlace.kvmText)
    } else {
      text = try kernel.moduleAlloc(pages: 1, in: &space)
    }
    let place = KVMModule.exitPlace
    vmexit = text.virtual + place
    // vmlaunch, jmp, then vmx_vmexit itself (Documentation/vmcs.md §11).
    let code: [UInt8] = [0x0f, 0x01, 0xc2, 0xe9, 0x60, 0, 0, 0, 0x50, 0x48, 0x8b, 0x44, 0x24, 0x08, 0x8f, 0x00]
    space.memory.write(code, at: text.physical(place - 8))
    // AMD's host save areas are no headers.
    for _ in 0..<kernel.description.cpus where !shape.isAMD {
      let page = try space.allocatePage()
      space.memory.store(UInt64(layout.revision), at: page, width: 4)
      vmxonRegions.append(page)
    }
    vmreadBitmap = try bitmapPage(clear: 19, in: &space)
    vmwriteBitmap = try bitmapPage(clear: 12, in: &space)
    space.memory.store(KVMModule.slept, at: listPage.physical(KVMModule.timePlace + KVMModule.sleptPlace))
    if shape.kvm.ownAttributes != .outOfPlace {
      space.memory.store(1, at: listPage.physical(KVMModule.conversionPlace), width: 1)
    }
    if shape.hasReturnList {
      for (place, number) in KVMModule.returnMSRs.enumerated() {
        space.memory.store(number, at: listPage.physical(KVMModule.returnList + UInt64(place) * 4), width: 4)
      }
      space.memory.store(
        UInt64(KVMModule.returnMSRs.count), at: listPage.physical(KVMModule.returnCount), width: 4)
    }
    structures.append(BuiltStructure("vm_list", at: listPage.physical(KVMModule.listPlace), size: 16))
    for (cpu, area) in kernel.perCPU.enumerated() {
      structures.append(BuiltStructure("current_vmcs", of: "CPU \(cpu)", at: area + PerCPU.currentVMCS, size: 8))
      structures.append(BuiltStructure("loaded_vmcss_on_cpu", of: "CPU \(cpu)", at: area + PerCPU.loaded, size: 16))
    }
    try writeModules(kernel: &kernel, in: &space)
  }

  /// A page of ones with a few bits cleared: MSR, VMREAD and VMWRITE bitmaps.
  func bitmapPage<Space: FrameSpace>(clear: UInt64, in space: inout Space) throws(Space.Failure) -> UInt64 {
    let page = try space.allocatePage()
    var words = [UInt64](repeating: ~0, count: 512)
    for step in 0..<clear { words[Int(SplitMix64.mix(step + clear) % 512)] ^= 1 << (step % 64) }
    space.memory.setWords(words, frame: page >> 12)
    return page
  }

  /// Chains VMs into `vm_list`, the youngest first. `machines` are their `struct kvm` in the order of creation.
  public func link(machines: [BuiltKernel.Mapping], in memory: inout SparseMemory) {
    let youngestFirst = machines.reversed()
    BuiltKernel.close(
      [vmList] + youngestFirst.map { $0.virtual + shape.kvm.list },
      at: [listPage.physical(KVMModule.listPlace)] + youngestFirst.map { $0.physical(shape.kvm.list) }, in: &memory)
  }

  /// What `list_del` leaves in a `struct kvm`: LIST_POISON1 and 2.
  public func unlink(_ machine: BuiltKernel.Mapping, in memory: inout SparseMemory) {
    memory.store(0xdead_0000_0000_0100, at: machine.physical(shape.kvm.list))
    memory.store(0xdead_0000_0000_0122, at: machine.physical(shape.kvm.list + 8))
  }

  /// Chains the VMCSs that are loaded on a CPU into its `loaded_vmcss_on_cpu`, whose head stands in the per-CPU area.
  public func linkLoaded(kernel: BuiltKernel, in memory: inout SparseMemory) {
    for (cpu, links) in loadedLinks {
      let ring = [kernel.perCPU[cpu] + PerCPU.loaded] + links
      BuiltKernel.close(ring.map { kernel.virtual($0) }, at: ring, in: &memory)
    }
  }
}

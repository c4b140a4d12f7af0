/// Offsets of KVM's structures in one kernel, in bytes. Source: Documentation/kvm.md §1 and §5, from BTF of Debian's
/// modules.
struct RecipeKVMShape: Sendable {
  let name: String
  // struct vcpu_vmx: those that differ between the kernels.
  let debugRegisters: UInt64
  let xcr0: UInt64
  let rflags: UInt64
  let returnMSRs: UInt64
  let kernelGSBase: UInt64
  let vmcs01: UInt64
  let loadedVMCS: UInt64
  let autoload: UInt64
  let segmentCache: UInt64
  let size: UInt64
  // struct kvm
  let userspacePID: UInt64
  let kvmPages: Int
  /// What an empty EPT entry holds.
  let emptyEPT: UInt64

  /// Bytes from the start of `kvm_vcpu` to `arch.regs`, and from there to `arch.efer` and `arch.apic_base`.
  var registers: UInt64 = 296
  var eferGap: UInt64 = 224
  var apicBaseGap: UInt64 = 240
  /// From the VM-entry MSR-load area to the VM-exit one.
  var exitGap: UInt64 = 144
  /// `guest_msrs` is a pointer to a page of entries, as before 5.5; since then the entries stand in the vCPU itself.
  var hasMSRPage = false
  var loaded = LoadedForm()
  var kvm = KVMForm()

  /// `struct loaded_vmcs`: places that moved.
  struct LoadedForm: Sendable {
    var msrBitmap: UInt64 = 48
    var link: UInt64 = 56
    /// Where `host_state` begins, or just the two words CR3 and CR4 that 4.15 to 4.20 keep.
    var hostState: UInt64 = 72
    var hasWholeHostState = true
    /// `controls_shadow`, since 5.0.
    var controls: UInt64? = 128
  }

  /// `struct kvm`: an xarray of vCPUs since 5.16, before that the array itself.
  struct KVMForm: Sendable {
    var mm: UInt64 = 72
    var vcpus: UInt64 = 4392
    var isXArray = true
    var online: UInt64 = 4456
    var created: UInt64 = 4464
    var list: UInt64 = 4472
  }

  // struct vcpu_vmx: the same in all of them, or a fixed way behind `arch.regs`.
  static let cpu: UInt64 = 32
  static let vcpuID: UInt64 = 36
  static let vcpuIndex: UInt64 = 40
  var available: UInt64 { registers + 136 }
  var dirty: UInt64 { registers + 140 }
  var cr0: UInt64 { registers + 144 }
  var cr0Owned: UInt64 { registers + 152 }
  var cr2: UInt64 { registers + 160 }
  var cr3: UInt64 { registers + 168 }
  var cr4: UInt64 { registers + 176 }
  var cr4Owned: UInt64 { registers + 184 }
  var efer: UInt64 { registers + eferGap }
  var apicBase: UInt64 { registers + apicBaseGap }
  var apic: UInt64 { apicBase + 8 }
  var mpState: UInt64 { apic + 60 }

  // struct kvm with the memslots of 5.17 on.
  static let kvmMemslotSets: UInt64 = 88
  static let kvmMemslots: UInt64 = 4376

  /// Whether the product knows every distance of this one, so that it can tell KERNEL_GS_BASE. Documentation/kvm.md §6.
  var isMeasured: Bool { kvm.isXArray }

  /// The kernels a recipe can name. `6.1-mini` is the own build of the `mini` dump: 8 bytes less before `vmcs01`.
  /// `6.1-early` and `6.12-early` are these before their stable releases of 2025 moved `host_debugctl` from behind
  /// `nested` into `arch`, before `apic_base` (commit fb71c7959356): what stands behind it was 8 bytes lower.
  ///
  /// Of 4.18 and 5.14 the order and types of the members from `rflags` to the MSR areas and of `struct kvm` up to
  /// `vm_list` are the sources' (arch/x86/kvm/vmx.c, vmx/vmx.h, vmx/vmcs.h, kvm_host.h of those releases: 288
  /// `vcpus[]`, `loaded_vmcs` of 88 and 152 bytes, one `nr` for both MSR areas in 4.18.0); how long `kvm_vcpu` is
  /// depends on the configuration and is assumed.
  static let all: [RecipeKVMShape] = [
    RecipeKVMShape(
      name: "6.1", debugRegisters: 2984, xcr0: 2040, rflags: 6576, returnMSRs: 6584, kernelGSBase: 6768, vmcs01: 6792,
      loadedVMCS: 6952, autoload: 6976, segmentCache: 7600, size: 9088, userspacePID: 40408, kvmPages: 11, emptyEPT: 0),
    RecipeKVMShape(
      name: "6.1-mini", debugRegisters: 2984, xcr0: 2040, rflags: 6568, returnMSRs: 6576, kernelGSBase: 6760,
      vmcs01: 6784, loadedVMCS: 6944, autoload: 6976, segmentCache: 7600, size: 9088, userspacePID: 40408, kvmPages: 11,
      emptyEPT: 0),
    RecipeKVMShape(
      name: "6.1-early", debugRegisters: 2976, xcr0: 2032, rflags: 6568, returnMSRs: 6576, kernelGSBase: 6760,
      vmcs01: 6784, loadedVMCS: 6944, autoload: 6976, segmentCache: 7600, size: 9088, userspacePID: 40408, kvmPages: 11,
      emptyEPT: 0, apicBaseGap: 232),
    RecipeKVMShape(
      name: "6.12-early", debugRegisters: 2824, xcr0: 2008, rflags: 6496, returnMSRs: 6504, kernelGSBase: 6688,
      vmcs01: 6712, loadedVMCS: 6872, autoload: 6896, segmentCache: 7520, size: 9024, userspacePID: 6976, kvmPages: 2,
      emptyEPT: 1 << 63, apicBaseGap: 232),
    RecipeKVMShape(
      name: "6.12", debugRegisters: 2832, xcr0: 2016, rflags: 6504, returnMSRs: 6512, kernelGSBase: 6696, vmcs01: 6720,
      loadedVMCS: 6880, autoload: 6912, segmentCache: 7536, size: 9024, userspacePID: 6976, kvmPages: 2,
      emptyEPT: 1 << 63),
    RecipeKVMShape(
      name: "5.14", debugRegisters: 3008, xcr0: 2064, rflags: 6384, returnMSRs: 6392, kernelGSBase: 6576, vmcs01: 6600,
      loadedVMCS: 6752, autoload: 6784, segmentCache: 7408, size: 8960, userspacePID: 6000, kvmPages: 2, emptyEPT: 0,
      registers: 320, apicBaseGap: 232,
      kvm: KVMForm(mm: 72, vcpus: 96, isXArray: false, online: 2400, created: 2404, list: 2416)),
    RecipeKVMShape(
      name: "4.18", debugRegisters: 5000, xcr0: 4000, rflags: 9944, returnMSRs: 9952, kernelGSBase: 9984,
      vmcs01: 10_024, loadedVMCS: 10_112, autoload: 10_144, segmentCache: 10_800, size: 12_800, userspacePID: 6000,
      kvmPages: 2, emptyEPT: 0, registers: 560, eferGap: 208, apicBaseGap: 216, exitGap: 128, hasMSRPage: true,
      loaded: LoadedForm(msrBitmap: 64, link: 72, hostState: 24, hasWholeHostState: false, controls: nil),
      kvm: KVMForm(mm: 40, vcpus: 64, isXArray: false, online: 2368, created: 2372, list: 2384)),
  ]
}

/// Small kernel objects in the direct map, each in one piece, never across the slab they share.
struct RecipeSlab: Sendable {
  private let objectSize: UInt64
  private let perSlab: UInt64
  private let slabFrames: UInt64
  private var slab: UInt64 = 0
  private var index: UInt64

  init(objectSize: UInt64, slabFrames: UInt64) {
    self.objectSize = objectSize
    self.slabFrames = slabFrames
    perSlab = slabFrames << 12 / objectSize
    index = perSlab
  }

  /// Physical address of a fresh object.
  mutating func allocate(in space: inout RecipeSpace) throws(RecipeMistake) -> UInt64 {
    if index == perSlab {
      slab = try space.allocate(slabFrames, alignment: slabFrames) << 12
      index = 0
    }
    index += 1
    return slab + (index - 1) * objectSize
  }
}

/// The kernel's xarray, as `kvm.vcpu_array` uses it: nodes of 64 slots, a tag of 2 on a pointer to a node.
struct RecipeXArray {
  /// Builds the tree for entries 0, 1, 2, … and returns `xa_head`. Each node names its parent and the `struct xarray`
  /// at `array` that it belongs to. Source: Documentation/kvm.md §5; include/linux/xarray.h, struct xa_node.
  static func build(
    _ entries: [UInt64], array: UInt64, kernel: RecipeKernel, slab: inout RecipeSlab, in space: inout RecipeSpace
  ) throws(RecipeMistake) -> UInt64 {
    var level = entries
    var shift: UInt64 = 0
    repeat {
      var nodes: [UInt64] = []
      for start in stride(from: 0, to: level.count, by: 64) {
        let node = try slab.allocate(in: &space)
        let slots = level[start..<min(start + 64, level.count)]
        space.memory.store(shift, at: node, width: 1)
        space.memory.store(UInt64(start / 64 % 64), at: node + 1, width: 1)
        space.memory.store(UInt64(slots.count), at: node + 2, width: 1)
        space.memory.store(array, at: node + 16)
        for (place, value) in slots.enumerated() {
          space.memory.store(value, at: node + 40 + UInt64(place) * 8)
          // Above the lowest level the values are tagged nodes.
          if shift > 0 { space.memory.store(kernel.virtual(node), at: value - 2 - kernel.directMap + 8) }
        }
        nodes.append(kernel.virtual(node) | 2)
      }
      level = nodes
      shift += 6
    } while level.count > 1
    return level.first ?? 0
  }
}

/// KVM's memory slots, as an rb-tree by guest frame. Source: Documentation/kvm.md §5.
struct RecipeMemslots {
  struct Slot {
    var gfn: UInt64
    var pages: UInt64
    var hva: UInt64
    var id: UInt16
  }

  /// Writes the slots and returns the tree's root pointer, for generation set 0.
  static func build(
    _ slots: [Slot], kernel: RecipeKernel, slab: inout RecipeSlab, in space: inout RecipeSpace
  ) throws(RecipeMistake) -> UInt64 {
    try subtree(slots.sorted { $0.gfn < $1.gfn }[...], kernel: kernel, slab: &slab, in: &space)
  }

  private static func subtree(
    _ slots: ArraySlice<Slot>, kernel: RecipeKernel, slab: inout RecipeSlab, in space: inout RecipeSpace
  ) throws(RecipeMistake) -> UInt64 {
    guard !slots.isEmpty else { return 0 }
    let middle = slots.startIndex + slots.count / 2
    let slot = slots[middle]
    let place = try slab.allocate(in: &space)
    let right = try subtree(slots[(middle + 1)...], kernel: kernel, slab: &slab, in: &space)
    let left = try subtree(slots[..<middle], kernel: kernel, slab: &slab, in: &space)
    space.memory.store(right, at: place + 128 + 8)
    space.memory.store(left, at: place + 128 + 16)
    space.memory.store(slot.gfn, at: place + 176)
    space.memory.store(slot.pages, at: place + 184)
    space.memory.store(slot.hva, at: place + 248)
    space.memory.store(UInt64(slot.id), at: place + 260, width: 2)
    return kernel.virtual(place + 128)
  }
}

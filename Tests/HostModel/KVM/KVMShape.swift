/// Offsets of KVM's structures in one kernel, in bytes. Source: Documentation/kvm.md §1 and §5, from BTF of Debian's
/// modules.
public struct KVMShape: Sendable {
  public let name: String
  // struct vcpu_vmx: those that differ between the kernels.
  public let debugRegisters: UInt64
  public let xcr0: UInt64
  public let rflags: UInt64
  public let returnMSRs: UInt64
  public let kernelGSBase: UInt64
  public let vmcs01: UInt64
  public let loadedVMCS: UInt64
  public let autoload: UInt64
  public let segmentCache: UInt64
  public let size: UInt64
  // struct kvm
  public let userspacePID: UInt64
  public let kvmPages: Int
  /// What an empty EPT entry holds.
  public let emptyEPT: UInt64

  /// Bytes from the start of `kvm_vcpu` to `arch.regs`, and from there to `arch.efer` and `arch.apic_base`.
  public var registers: UInt64 = 296
  public var eferGap: UInt64 = 224
  public var apicBaseGap: UInt64 = 240
  /// From the VM-entry MSR-load area to the VM-exit one.
  public var exitGap: UInt64 = 144
  /// `guest_msrs` is a pointer to a page of entries, as before 5.5; since then the entries stand in the vCPU itself.
  public var hasMSRPage = false
  public var loaded = LoadedForm()
  public var kvm = KVMForm()
  public var vcpu = VCPUForm()
  /// Bytes of `regs_avail`, and of `regs_dirty` behind it: unsigned long since 7.2.
  public var maskSize: UInt64 = 4
  /// The processors are AMD's: `vcpu_svm` and VMCBs in place of `vcpu_vmx` and VMCS regions.
  public var isAMD = false

  /// `struct loaded_vmcs`: places that moved.
  public struct LoadedForm: Sendable {
    public var msrBitmap: UInt64 = 48
    public var link: UInt64 = 56
    /// Where `host_state` begins, or just the two words CR3 and CR4 that 4.15 to 4.20 keep.
    public var hostState: UInt64 = 72
    public var hasWholeHostState = true
    /// `controls_shadow`, since 5.0.
    public var controls: UInt64? = 128
  }

  /// `struct kvm`: an xarray of vCPUs since 5.16, before that the array itself.
  public struct KVMForm: Sendable {
    public var mm: UInt64 = 72
    public var vcpus: UInt64 = 4392
    public var isXArray = true
    public var online: UInt64 = 4456
    public var created: UInt64 = 4464
    public var list: UInt64 = 4472
    /// `stats_id`, since 5.14.
    public var statsID: UInt64?
    /// Two sets of slots for each of two address spaces, and the pointers to those in use. Since 5.17 the sets stand in
    /// `struct kvm` itself.
    public var memslotSets: UInt64 = 88
    public var memslots: UInt64 = 4376
    /// From kmalloc, so that it stands in the direct map, and not from vmalloc.
    public var isInDirectMap = false
    /// `kvm_memory_slot.gmem`.
    public var hasGuestMemory: Bool { attributes != nil || ownAttributes != nil }
    /// `mem_attr_array`, where kernels have it.
    public var attributes: UInt64?
    /// Each guest_memfd has attributes of its own, and which count is said by a variable of the module or not at all.
    public var ownAttributes: OwnAttributes?

    public enum OwnAttributes: String, Sendable, CaseIterable {
      /// The files' count.
      case inPlace = "in-place"
      /// The VM's count; the files' are as they were made, all private.
      case outOfPlace = "out-of-place"
      /// The files' count, and VMs have none.
      case alone = "in-place-alone"
      /// The files' count, and nothing tells.
      case untold = "in-place-untold"
    }
    /// `gmem_in_place_conversion` is a variable of kvm.
    var tellsConversion: Bool { ownAttributes != nil && ownAttributes != .untold }
    /// `struct kvm_memory_slot` since 5.17, bytes.
    var slotSize: UInt64 { hasGuestMemory ? 280 : 264 }
  }

  /// `struct kvm_vcpu` and what belongs to it: places that only a host that describes itself fills.
  public struct VCPUForm: Sendable {
    public var pid: UInt64 = 120
    /// From `arch.regs` to `arch.mmu`; `root_mmu` follows.
    public var mmu: UInt64 = 376
    /// The root's address in `kvm_mmu`, in `root` since 5.18, else a member of its own.
    public var rootHPA: UInt64 = 64
    public var isRootPair = true
    /// From the end of `kvm_vcpu` to `vcpu_vmx.rflags`.
    public var rflagsGap: UInt64 = 24
    /// `vcpu_vmx.vt`, since 6.16.
    public var vt: UInt64?
    /// From `segment_cache` to `nested`, and from there to `nested.vmcs02`.
    public var nestedGap: UInt64 = 352
    public var vmcs02: UInt64 = 144
    /// `arch.guest_fpu` leads to a `struct fpstate`, since 5.16, from so many bytes before `xcr0`.
    public var hasFPState = true
    public var fpuSize: UInt64 = 40
    /// `arch.guest_fpu` is a pointer to a `struct fpu`, 5.0 to 5.15, right before `xcr0`.
    public var hasPlainFPU = false
    /// `kvm_vcpu.mutex`, of which only what describes an older FPU tells.
    public var mutex: UInt64 { pid - 48 }
  }

  // struct vcpu_vmx: the same in all of them, or a fixed way behind `arch.regs`.
  public static let cpu: UInt64 = 32
  public static let vcpuID: UInt64 = 36
  public static let vcpuIndex: UInt64 = 40
  public var available: UInt64 { registers + 136 }
  public var dirty: UInt64 { available + maskSize }
  public var cr0: UInt64 { dirty + maskSize }
  public var cr0Owned: UInt64 { cr0 + 8 }
  public var cr2: UInt64 { cr0 + 16 }
  public var cr3: UInt64 { cr0 + 24 }
  public var cr4: UInt64 { cr0 + 32 }
  public var cr4Owned: UInt64 { cr0 + 40 }
  public var efer: UInt64 { registers + eferGap }
  public var apicBase: UInt64 { registers + apicBaseGap }
  public var apic: UInt64 { apicBase + 8 }
  public var mpState: UInt64 { apic + 60 }
  /// `arch.cr8` comes before `hflags` and `efer`, with the PKRU words between them since 5.8.
  public var cr8: UInt64 { efer - (eferGap == 208 ? 16 : 24) }
  /// `arch.ia32_xss`; where it stands before 7.3 is 6.1's, of others assumed.
  public var xss: UInt64 { maskSize == 8 ? xcr0 + 16 : registers + 344 }
  /// `arch.switch_db_regs`.
  public var debugSwitch: UInt64 { debugRegisters - 8 }
  /// `arch.guest_supported_xcr0`, told beside a `struct fpu`.
  var supportedXCR0: UInt64 { xcr0 + 8 }
  /// `arch.guest_fpu.fpstate`, or `guest_fpu` itself.
  public var fpstate: UInt64 { xcr0 - 8 }

  /// `arch.pat`; where it stands is assumed.
  var pat: UInt64 { debugRegisters + 56 }
  /// How many levels the tables have, from the start of a `kvm_mmu`: in `root_role` since 5.18, else `shadow_root_level`.
  var rootLevel: UInt64 { vcpu.rootHPA + 16 }
  /// `rmode`, and in it `vm86_active`.
  var realMode: UInt64 { segmentCache - 208 }
  /// `exit_reason`, four bytes.
  var exitReason: UInt64 { vcpu.vt.map { $0 + 80 } ?? segmentCache + 208 }

  public var kvmVCPUSize: UInt64 { rflags - vcpu.rflagsGap }
  public var nestedPlace: UInt64 { segmentCache + vcpu.nestedGap }
  var fpuPlace: UInt64 { xcr0 - vcpu.fpuSize }
  /// `guest_state_loaded`, a byte.
  var stateLoaded: UInt64 { vcpu.vt.map { $0 + 100 } ?? kvmVCPUSize + 2 }
  /// Bytes of `struct kvm` as the types tell it.
  public var kvmSize: UInt64 { machineArch + 40 }
  /// `kvm.arch`; where it stands is assumed, and of its members there are those of the clock.
  var machineArch: UInt64 { (max(userspacePID + 8, (kvm.statsID ?? 0) + 48) + 7) / 8 * 8 }
  /// `arch.l1_tsc_offset`, `l1_tsc_scaling_ratio` and `last_host_tsc`; where they stand is assumed.
  var counters: UInt64 { pat + 8 }
  var arraySlots: ArraySlots { ArraySlots(isFlexible: name != "4.18") }

  /// kvm has `kvm_uret_msrs_list`, and kvm_intel keeps the guest's values in its order, since 5.13.
  public var hasReturnList: Bool { name != "4.18" && name != "5.10" }
  /// Of `struct kvm_lapic`.
  public var lapicVCPU: UInt64 { maskSize == 8 ? 160 : 144 }
  public var lapicRegisters: UInt64 { maskSize == 8 ? 184 : 168 }

  /// Whether the product knows every distance of this one, so that it can tell KERNEL_GS_BASE. Documentation/kvm.md §6.
  public var isMeasured: Bool { kvm.isXArray }
}

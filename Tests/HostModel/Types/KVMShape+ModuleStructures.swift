extension KVMShape {
  /// What the BTF of kvm adds. Source: arch/x86/kvm/lapic.h.
  public var moduleStructures: [KernelStructure] {
    (kvm.ownAttributes == nil ? [] : [Self.guestMemory]) + [
      KernelStructure(
        "kvm_lapic", size: 320,
        [
          ("base_address", 0, .ulong), ("vcpu", lapicVCPU, .pointer(to: "kvm_vcpu")),
          ("regs", lapicRegisters, .voidPointer),
        ]),
      // Up to 5.5 KVM had the time since boot in another form. Source: arch/x86/kvm/x86.c.
      KernelStructure(
        "pvclock_gtod_data", size: 120,
        name == "4.18" ? [("boot_ns", 64, .u64)] : [("offs_boot", KVMModule.sleptPlace, .u64)]),
    ]
  }

  /// In front of the inode its memory policy, behind it its files and flags. Source: virt/kvm/guest_memfd.c.
  static let guestMemoryInode: UInt64 = 16
  static let guestMemoryAttributes: UInt64 = 16 + 640 + 24
  private static let guestMemory = KernelStructure(
    "gmem_inode", size: guestMemoryAttributes + 16,
    [
      ("vfs_inode", guestMemoryInode, .structure("inode")), ("flags", guestMemoryAttributes - 8, .u64),
      ("attributes", guestMemoryAttributes, .structure("maple_tree")),
    ])

  /// What the BTF of kvm_intel adds. Source: arch/x86/kvm/vmx/vmx.h, vmcs.h and posted_intr.h of the release.
  public var intelStructures: [KernelStructure] {
    var all = [vcpuVMX, loadedVMCSStructure, loadedState, nested] + moduleStructures + areas
    if vcpu.vt != nil { all.append(vt) }
    return all
  }

  private var vcpuVMX: KernelStructure {
    var members: [(String, UInt64, KernelType)] = [("vcpu", 0, .structure("kvm_vcpu"))]
    if let place = vcpu.vt {
      members.append(("vt", place, .structure("vcpu_vt")))
    } else {
      members.append(("guest_state_loaded", stateLoaded, .bool))
      let reason = KernelStructure("vmx_exit_reason", size: 4, [("full", 0, .u32)], isUnion: true)
      members.append(("exit_reason", exitReason, hasMSRPage ? .u32 : .anonymous(reason)))
    }
    members += [
      ("rflags", rflags, .ulong),
      hasMSRPage
        ? ("guest_msrs", returnMSRs, .pointer(to: "vmx_uret_msr"))
        : ("guest_uret_msrs", returnMSRs, .array(.structure("vmx_uret_msr"), 7)),
      ("msr_guest_kernel_gs_base", kernelGSBase, .u64), ("loaded_vmcs", loadedVMCS, .pointer(to: "loaded_vmcs")),
      ("vmcs01", vmcs01, .structure("loaded_vmcs")),
      ("msr_autoload", autoload - 16, .anonymous(areaPair)), ("rmode", realMode, .anonymous(Self.realModeState)),
      ("segment_cache", segmentCache, .anonymous(cache)),
      ("nested", nestedPlace, .structure("nested_vmx")),
    ]
    return KernelStructure("vcpu_vmx", size: size, members)
  }

  private static let realModeState = KernelStructure(
    "", size: 208, [("vm86_active", 0, .sint), ("save_rflags", 8, .ulong)])

  private var cache: KernelStructure {
    let segment = KernelStructure(
      "kvm_save_segment", size: 24,
      [("selector", 0, .u16), ("base", 8, .ulong), ("limit", 16, .u32), ("ar", 20, .u32)])
    return KernelStructure("", size: 200, [("bitmask", 0, .u32), ("seg", 8, .array(.anonymous(segment), 8))])
  }

  /// `guest` and `host`, each a number and entries that are aligned to 16.
  private var areaPair: KernelStructure {
    KernelStructure(
      "msr_autoload", size: exitGap * 2,
      [("guest", 0, .structure("vmx_msrs")), ("host", exitGap, .structure("vmx_msrs"))])
  }

  private var areas: [KernelStructure] {
    [
      KernelStructure(
        "vmx_msrs", size: exitGap,
        [("nr", 0, .uint), ("val", 16, .array(.structure("vmx_msr_entry"), UInt32(exitGap - 16) / 16))]),
      KernelStructure("vmx_msr_entry", size: 16, [("index", 0, .u32), ("reserved", 4, .u32), ("value", 8, .u64)]),
      KernelStructure(
        "vmx_uret_msr", size: 24, [("load_into_hardware", 0, .bool), ("data", 8, .u64), ("mask", 16, .u64)]),
      KernelStructure(
        "vmcs_hdr", size: 4,
        members: [
          KernelMember("revision_id", 0, .u32, bits: 31), KernelMember("shadow_vmcs", 3, .u32, bits: 1),
        ]),
      KernelStructure("vmcs", size: 8, [("hdr", 0, .structure("vmcs_hdr")), ("abort", 4, .u32)]),
    ]
  }

  private var loadedVMCSStructure: KernelStructure {
    var members: [(String, UInt64, KernelType)] = [
      ("vmcs", 0, .pointer(to: "vmcs")), ("shadow_vmcs", 8, .pointer(to: "vmcs")), ("cpu", 16, .sint),
      ("launched", 20, .bool), ("msr_bitmap", loaded.msrBitmap, .pointer(.ulong)),
      ("loaded_vmcss_on_cpu_link", loaded.link, .list), ("host_state", loaded.hostState, .structure("vmcs_host_state")),
    ]
    if let place = loaded.controls {
      let names = ["vm_entry", "vm_exit", "pin", "exec", "secondary_exec"]
      let shadow = KernelStructure(
        "vmcs_controls_shadow", size: loadedVMCS - vmcs01 - place,
        names.enumerated().map { ($1, UInt64($0) * 4, .u32) })
      members.append(("controls_shadow", place, .anonymous(shadow)))
    }
    return KernelStructure("loaded_vmcs", size: loadedVMCS - vmcs01, members)
  }

  private var loadedState: KernelStructure {
    let words = loaded.hasWholeHostState ? ["cr3", "cr4", "gs_base", "fs_base", "rsp"] : ["cr3", "cr4"]
    return KernelStructure(
      "vmcs_host_state", size: loaded.hasWholeHostState ? 56 : 40,
      words.enumerated().map { ($1, UInt64($0) * 8, .ulong) })
  }

  private var nested: KernelStructure {
    KernelStructure(
      "nested_vmx", size: vcpu.vmcs02 + loadedVMCS - vmcs01,
      [
        ("vmxon", 0, .bool), ("vmxon_ptr", 8, .typedef("gpa_t", .u64)), ("current_vmptr", 24, .typedef("gpa_t", .u64)),
        ("cached_vmcs12", 32, .pointer(to: "vmcs12")), ("vmcs02", vcpu.vmcs02, .structure("loaded_vmcs")),
      ])
  }

  /// Source: arch/x86/kvm/vmx/common.h.
  private var vt: KernelStructure {
    KernelStructure("vcpu_vt", size: 128, [("exit_reason", 80, .u32), ("guest_state_loaded", 100, .bool)])
  }
}

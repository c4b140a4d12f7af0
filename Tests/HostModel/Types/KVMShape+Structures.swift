extension KVMShape {
  /// The structures of KVM that vmlinux's BTF defines: kvm_host.h's.
  /// Source: include/linux/kvm_host.h and arch/x86/include/asm/kvm_host.h of the release.
  public var structures: [KernelStructure] {
    [machine, machineArchitecture, memslots, slot, vcpuStructure, arch, mmu]
      + (vcpu.isRootPair ? [KVMShape.rootInfo] : []) + (vcpu.hasFPState ? fpu : vcpu.hasPlainFPU ? plainFPU : [])
  }

  /// The registers that KVM caches, by their bits in `regs_avail`, and segment registers as it numbers them.
  /// Source: arch/x86/include/asm/kvm_host.h of the release.
  public var enumerations: [KernelType] {
    // RIP is the 17th of arch.regs, and a register like the others since 7.2.
    let prefix = maskSize == 8 ? "VCPU_REG_" : "VCPU_EXREG_"
    let cached = ["PDPTR", "CR0", "CR3", "CR4", "RFLAGS", "SEGMENTS", "EXIT_INFO_1", "EXIT_INFO_2"]
    let segments = ["ES", "CS", "SS", "DS", "FS", "GS", "TR", "LDTR"]
    func values(_ prefix: String, _ names: [String], from first: UInt32) -> [KernelEnumerator] {
      zip(first..., names).map { KernelEnumerator(name: prefix + $1, value: $0) }
    }
    return [
      .enumeration("kvm_reg", values(prefix, cached, from: 17)),
      .enumeration("", values("VCPU_SREG_", segments, from: 0)),
    ]
  }

  private var machine: KernelStructure {
    var members: [(String, UInt64, KernelType)] = [("mm", kvm.mm, .pointer(to: "mm_struct"))]
    if kvm.isXArray {
      members += [
        ("__memslots", kvm.memslotSets, .array(.array(.structure("kvm_memslots"), 2), 2)),
        ("memslots", kvm.memslots, .array(.pointer(to: "kvm_memslots"), 2)),
        ("vcpu_array", kvm.vcpus, .structure("xarray")),
      ]
    } else {
      members += [
        ("memslots", kvm.memslots, .array(.pointer(to: "kvm_memslots"), 2)),
        ("vcpus", kvm.vcpus, .array(.pointer(to: "kvm_vcpu"), 288)),
      ]
    }
    members += [
      ("online_vcpus", kvm.online, .atomic), ("created_vcpus", kvm.created, .sint), ("vm_list", kvm.list, .list),
      ("userspace_pid", userspacePID, .pidNumber),
    ]
    if let place = kvm.attributes { members.append(("mem_attr_array", place, .structure("xarray"))) }
    if let place = kvm.statsID { members.append(("stats_id", place, .array(.char, 48))) }
    members.append(("arch", machineArch, .structure("kvm_arch")))
    return KernelStructure("kvm", size: kvmSize, members)
  }

  private var machineArchitecture: KernelStructure {
    KernelStructure(
      "kvm_arch", size: 40,
      [
        ("kvmclock_offset", 0, .u64), ("master_kernel_ns", 8, .u64), ("master_cycle_now", 16, .u64),
        ("use_master_clock", 24, .u8), ("cur_tsc_nsec", 32, .u64),
      ])
  }

  private var memslots: KernelStructure {
    if kvm.isXArray {
      return KernelStructure(
        "kvm_memslots", size: 1072,
        [
          ("generation", 0, .u64), ("last_used_slot", 8, .typedef("atomic_long_t", .ulong)),
          ("hva_tree", 16, .structure("rb_root_cached")), ("gfn_tree", 32, .structure("rb_root")),
          ("id_hash", 40, .array(.structure("hlist_head"), 128)), ("node_idx", 1064, .sint),
        ])
    }
    let form = arraySlots
    return KernelStructure(
      "kvm_memslots", size: form.size,
      [
        ("generation", 0, .u64), ("id_to_index", form.indices, .array(.short, ArraySlots.count)),
        ("used_slots", form.used, .sint),
        ("memslots", form.slots, .array(.structure("kvm_memory_slot"), form.isFlexible ? 0 : ArraySlots.count)),
      ])
  }

  private var slot: KernelStructure {
    let gfn = KernelType.typedef("gfn_t", .u64)
    if !kvm.isXArray {
      return KernelStructure(
        "kvm_memory_slot", size: ArraySlots.slotSize,
        [
          ("base_gfn", 0, gfn), ("npages", 8, .ulong), ("dirty_bitmap", 16, .pointer(.ulong)),
          ("userspace_addr", 72, .ulong), ("flags", 80, .u32), ("id", 84, .short),
        ])
    }
    var members: [(String, UInt64, KernelType)] = [
      ("id_node", 0, .array(.structure("hlist_node"), 2)), ("gfn_node", 128, .array(.structure("rb_node"), 2)),
      ("base_gfn", 176, gfn), ("npages", 184, .ulong), ("userspace_addr", 248, .ulong), ("flags", 256, .u32),
      ("id", 260, .short), ("as_id", 262, .u16),
    ]
    if kvm.hasGuestMemory {
      let file = KernelStructure("", size: 16, [("file", 0, .pointer(to: "file")), ("pgoff", 8, .ulong)])
      members.append(("gmem", 264, .anonymous(file)))
    }
    return KernelStructure("kvm_memory_slot", size: kvm.slotSize, members)
  }

  private var vcpuStructure: KernelStructure {
    var members: [(String, UInt64, KernelType)] = [
      ("kvm", 0, .pointer(to: "kvm")), ("cpu", KVMShape.cpu, .sint), ("vcpu_id", KVMShape.vcpuID, .sint),
    ]
    if kvm.isXArray { members.append(("vcpu_idx", KVMShape.vcpuIndex, .sint)) }
    if vcpu.hasPlainFPU { members.append(("mutex", vcpu.mutex, .structure("mutex"))) }
    members += [
      ("pid", vcpu.pid, .pointer(to: "pid")), ("arch", registers, .structure("kvm_vcpu_arch")),
    ]
    return KernelStructure("kvm_vcpu", size: kvmVCPUSize, members)
  }

  /// `kvm_vcpu_arch`, counted from `arch.regs`, which is its first member.
  private var arch: KernelStructure {
    let mask: KernelType = maskSize == 8 ? .ulong : .u32
    var members: [(String, UInt64, KernelType)] = [("regs", registers, .array(.ulong, maskSize == 8 ? 16 : 17))]
    if maskSize == 8 { members.append(("rip", registers + 128, .ulong)) }
    members += [
      ("regs_avail", available, mask), ("regs_dirty", dirty, mask), ("cr0", cr0, .ulong),
      ("cr0_guest_owned_bits", cr0Owned, .ulong), ("cr2", cr2, .ulong), ("cr3", cr3, .ulong), ("cr4", cr4, .ulong),
      ("cr4_guest_owned_bits", cr4Owned, .ulong), ("cr8", cr8, .ulong), ("efer", efer, .u64),
      ("apic_base", apicBase, .u64), ("apic", apic, .pointer(to: "kvm_lapic")), ("mp_state", mpState, .sint),
      ("mmu", registers + vcpu.mmu, .pointer(to: "kvm_mmu")),
      ("root_mmu", registers + vcpu.mmu + 8, .structure("kvm_mmu")),
    ]
    if vcpu.hasFPState { members.append(("guest_fpu", fpuPlace, .structure("fpu_guest"))) }
    if vcpu.hasPlainFPU {
      members += [("guest_fpu", fpstate, .pointer(to: "fpu")), ("guest_supported_xcr0", supportedXCR0, .u64)]
    }
    members += [
      ("xcr0", xcr0, .u64), ("ia32_xss", xss, .u64), ("switch_db_regs", debugSwitch, .uint),
      ("db", debugRegisters, .array(.ulong, 4)), ("dr6", debugRegisters + 32, .ulong),
      ("dr7", debugRegisters + 40, .ulong), ("pat", pat, .u64), ("l1_tsc_offset", counters, .u64),
      ("l1_tsc_scaling_ratio", counters + 8, .u64), ("last_host_tsc", counters + 16, .u64),
    ]
    return KernelStructure(
      "kvm_vcpu_arch", size: kvmVCPUSize - registers - 32, members.map { ($0, $1 - registers, $2) })
  }

  private var mmu: KernelStructure {
    let hpa = KernelType.typedef("hpa_t", .u64)
    let root: (String, UInt64, KernelType) =
      vcpu.isRootPair
      ? ("root", vcpu.rootHPA - 8, .structure("kvm_mmu_root_info")) : ("root_hpa", vcpu.rootHPA, hpa)
    let level: (String, UInt64, KernelType) =
      vcpu.isRootPair
      ? ("root_role", rootLevel, .anonymous(KVMShape.pageRole)) : ("shadow_root_level", rootLevel, .u8)
    return KernelStructure("kvm_mmu", size: 240, [root, level])
  }

  private static let pageRole = KernelStructure(
    "kvm_mmu_page_role", size: 4,
    [
      ("word", 0, .u32),
      ("", 0, .anonymous(KernelStructure("", size: 4, members: [KernelMember("level", 0, .uint, bits: 4)]))),
    ], isUnion: true)

  private static let rootInfo = KernelStructure(
    "kvm_mmu_root_info", size: 16,
    [("pgd", 0, .typedef("gpa_t", .u64)), ("hpa", 8, .typedef("hpa_t", .u64))])

  /// Source: arch/x86/include/asm/fpu/types.h and include/linux/mutex.h of 5.10.
  private var plainFPU: [KernelStructure] {
    [
      KernelStructure(
        "fpu", size: 4160,
        [("last_cpu", 0, .uint), ("avx512_timestamp", 8, .ulong), ("state", 64, .structure("fpregs_state"))]),
      KernelStructure(
        "mutex", size: 32, [("owner", 0, .typedef("atomic_long_t", .anonymous(KVMShape.atomic)))]),
    ] + KVMShape.fpuArea
  }

  private static let atomic = KernelStructure(
    "", size: 8, [("counter", 0, .typedef("s64", .int("long long int", size: 8, isSigned: true)))])

  /// Source: arch/x86/include/asm/fpu/types.h.
  private var fpu: [KernelStructure] {
    [
      KernelStructure(
        "fpu_guest", size: xcr0 - fpuPlace,
        [("xfeatures", 0, .u64), ("fpstate", xcr0 - 8 - fpuPlace, .pointer(to: "fpstate"))]),
      KernelStructure(
        "fpstate", size: 4160,
        members: [
          ("size", 0, .uint), ("user_size", 4, .uint), ("xfeatures", 8, .u64), ("user_xfeatures", 16, .u64),
          ("xfd", 24, .u64), ("regs", 64, .structure("fpregs_state")),
        ].map { KernelMember($0, $1, $2) }
          + ["is_valloc", "is_guest", "is_confidential", "in_use"].enumerated().map {
            KernelMember($1, 32, .uint, bits: 1, at: UInt32($0))
          }),
    ] + KVMShape.fpuArea
  }

  private static let fpuArea = [
    KernelStructure(
      "fpregs_state", size: 4096, [("xsave", 0, .structure("xregs_state")), ("__padding", 0, .array(.u8, 4096))],
      isUnion: true),
    KernelStructure(
      "xregs_state", size: 576,
      [("i387", 0, .structure("fxregs_state")), ("header", 512, .structure("xstate_header"))]),
    KernelStructure(
      "fxregs_state", size: 512,
      [
        ("cwd", 0, .u16), ("swd", 2, .u16), ("twd", 4, .u16), ("mxcsr", 24, .u32), ("st_space", 32, .array(.u32, 32)),
        ("xmm_space", 160, .array(.u32, 64)),
      ]),
    KernelStructure("xstate_header", size: 64, [("xfeatures", 0, .u64), ("xcomp_bv", 8, .u64)]),
  ]
}

extension KernelShape {
  /// The structures of the kernel itself that vmlinux's BTF defines.
  /// Source: include/linux/types.h, rbtree_types.h, xarray.h, maple_tree.h, sched.h, mm_types.h, sched/signal.h, pid.h,
  /// fdtable.h, fs.h and module.h, kernel/bpf/btf.c of Linux 6.1.
  public var structures: [KernelStructure] {
    (isMaple ? [KernelShape.zapDetails] : []) + KernelShape.lists + KernelShape.trees + [task, memory]
      + KernelShape.processes + [file, module] + KernelShape.moduleParts + moduleSections + naming + filePages
      + scheduling + swapping
  }

  /// As since 5.19. Source: include/linux/mm.h.
  private static let zapDetails = KernelStructure(
    "zap_details", size: 16, [("even_cows", 8, .typedef("bool", .u8)), ("zap_flags", 12, .uint)])

  private static let lists = [
    KernelStructure(
      "list_head", size: 16, [("next", 0, .pointer(to: "list_head")), ("prev", 8, .pointer(to: "list_head"))]),
    KernelStructure("hlist_head", size: 8, [("first", 0, .pointer(to: "hlist_node"))]),
    KernelStructure(
      "hlist_node", size: 16,
      [("next", 0, .pointer(to: "hlist_node")), ("pprev", 8, .pointer(.pointer(to: "hlist_node")))]),
  ]

  private static let trees = [
    KernelStructure(
      "rb_node", size: 24,
      [
        ("__rb_parent_color", 0, .ulong), ("rb_right", 8, .pointer(to: "rb_node")),
        ("rb_left", 16, .pointer(to: "rb_node")),
      ]),
    KernelStructure("rb_root", size: 8, [("rb_node", 0, .pointer(to: "rb_node"))]),
    KernelStructure(
      "rb_root_cached", size: 16,
      [("rb_root", 0, .structure("rb_root")), ("rb_leftmost", 8, .pointer(to: "rb_node"))]),
    KernelStructure("xarray", size: 16, [("xa_flags", 4, .typedef("gfp_t", .uint)), ("xa_head", 8, .voidPointer)]),
    KernelStructure(
      "xa_node", size: 576,
      [
        ("shift", 0, .u8), ("offset", 1, .u8), ("count", 2, .u8), ("nr_values", 3, .u8),
        ("parent", 8, .pointer(to: "xa_node")), ("array", 16, .pointer(to: "xarray")),
        ("", 24, .anonymous(KernelStructure("", size: 16, [("private_list", 0, .list)], isUnion: true))),
        ("slots", 40, .array(.voidPointer, 64)),
      ]),
    KernelStructure("maple_tree", size: 16, [("ma_flags", 4, .uint), ("ma_root", 8, .voidPointer)]),
    KernelStructure(
      "maple_range_64", size: 256,
      [
        ("parent", 0, .pointer(to: "maple_pnode")), ("pivot", 8, .array(.ulong, 15)),
        ("", 128, .anonymous(KernelStructure("", size: 128, [("slot", 0, .array(.voidPointer, 16))], isUnion: true))),
      ]),
    KernelStructure(
      "maple_node", size: 256,
      [
        (
          "", 0,
          .anonymous(
            KernelStructure(
              "", size: 256,
              [
                (
                  "", 0,
                  .anonymous(
                    KernelStructure(
                      "", size: 256,
                      [("parent", 0, .pointer(to: "maple_pnode")), ("slot", 8, .array(.voidPointer, 31))]))
                ), ("mr64", 0, .structure("maple_range_64")),
              ], isUnion: true))
        )
      ]),
  ]

  private var task: KernelStructure {
    let members: [(String, UInt64, KernelType)] = [
      ("stack", KernelShape.stack, .voidPointer), ("on_cpu", KernelShape.onCPU, .sint), ("tasks", tasks, .list),
      ("mm", mm, .pointer(to: "mm_struct")),
      ("active_mm", mm + 8, .pointer(to: "mm_struct")),
    ]
    let later: [(String, UInt64, KernelType)] = [
      ("pid", pid, .pidNumber), ("tgid", tgid, .pidNumber), ("group_leader", leader, .pointer(to: "task_struct")),
      ("thread_pid", threadPID, .pointer(to: "pid")),
      ("thread_node", threadNode, .list),
      ("comm", comm, .array(.char, 16)), ("files", files, .pointer(to: "files_struct")),
      ("signal", signal, .pointer(to: "signal_struct")),
    ]
    let bit = KernelMember("in_execve", pid - 16, .uint, bits: 1)
    return KernelStructure(
      "task_struct", size: taskSize,
      members: (members + taskNaming + taskScheduling).map { KernelMember($0, $1, $2) } + [bit] + taskBits
        + later.map { KernelMember($0, $1, $2) })
  }

  /// All its members stand in an anonymous struct.
  private var memory: KernelStructure {
    let tree: (String, UInt64, KernelType) =
      isMaple ? ("mm_mt", mappings, .structure("maple_tree")) : ("mm_rb", mappings, .structure("rb_root"))
    let page = KernelType.typedef("pgd_t", .anonymous(KernelStructure("", size: 8, [("pgd", 0, .ulong)])))
    let words = ["arg_start", "arg_end", "env_start", "env_end"].enumerated().map {
      ($1, argumentStart + UInt64($0) * 8, KernelType.ulong)
    }
    let inner = KernelStructure(
      "", size: KernelShape.memorySize,
      [tree, ("pgd", pgd, .pointer(page))] + words + [("owner", owner, .pointer(to: "task_struct"))])
    return KernelStructure(
      "mm_struct", size: KernelShape.memorySize,
      [("", 0, .anonymous(inner)), ("cpu_bitmap", KernelShape.memorySize, .array(.ulong, 0))])
  }

  private static let processes = [
    KernelStructure(
      "signal_struct", size: signalSize, [("sigcnt", 0, .atomic), ("thread_head", threadHead, .list)]),
    KernelStructure("upid", size: 16, [("nr", 0, .sint), ("ns", 8, .pointer(to: "pid_namespace"))]),
    KernelStructure(
      "pid", size: pidSize,
      [
        ("count", 0, .atomic), ("level", pidLevel, .uint),
        ("tasks", pidTasks, .array(.structure("hlist_head"), 4)),
        ("numbers", pidNumbers, .array(.structure("upid"), 1)),
      ]),
    KernelStructure("files_struct", size: 704, [("count", 0, .atomic), ("fdt", fdTable, .pointer(to: "fdtable"))]),
    KernelStructure(
      "fdtable", size: 56, [("max_fds", 0, .uint), ("fd", 8, .pointer(.pointer(to: "file")))]),
  ]

  private var file: KernelStructure {
    KernelStructure(
      "file", size: KernelShape.fileSize,
      [
        ("f_op", operations, .pointer(.const(.structure("file_operations")))),
        ("private_data", privateData, .voidPointer),
      ] + fileNaming)
  }

  private var module: KernelStructure {
    KernelStructure(
      "module", size: KernelShape.moduleSize,
      [
        ("list", KernelShape.moduleList, .list), ("name", KernelShape.moduleName, .array(.char, 56)),
        ("kallsyms", moduleKallsyms, .pointer(to: "mod_kallsyms")),
        ("sect_attrs", moduleKallsyms + 8, .pointer(to: "module_sect_attrs")),
        ("btf_data_size", moduleKallsyms + 40, .uint), ("btf_data", moduleKallsyms + 48, .voidPointer),
        ("arch", KernelShape.moduleORC, .structure("mod_arch_specific")),
        hasModuleMemory
          ? ("mem", KernelShape.moduleCode, .array(.structure("module_memory"), 2))
          : ("core_layout", KernelShape.moduleCode, .structure("module_layout")),
      ] + (hasPlainSections ? [("build_id", moduleKallsyms + 56, .array(.u8, 20))] : []))
  }

  /// Source: kernel/module/sysfs.c, include/linux/sysfs.h.
  private var moduleSections: [KernelStructure] {
    let group: (String, UInt64, KernelType) = ("grp", 0, .structure("attribute_group"))
    let entry = hasPlainSections ? "bin_attribute" : "module_sect_attr"
    let number: [(String, UInt64, KernelType)] = hasPlainSections ? [] : [("nsections", 40, .uint)]
    let table = KernelStructure(
      "module_sect_attrs", size: sectionsPlace,
      [group] + number + [("attrs", sectionsPlace, .array(.structure(entry), 0))])
    let old = KernelStructure(
      "module_sect_attr", size: 72, [("battr", 0, .structure("bin_attribute")), ("address", 64, .ulong)])
    return [table] + (hasPlainSections ? [] : [old]) + [
      KernelStructure(
        "bin_attribute", size: 64,
        [("attr", 0, .structure("attribute")), ("size", 16, .ulong), ("private", 24, .voidPointer)]),
      KernelStructure("attribute", size: 16, [("name", 0, .pointer(.const(.char))), ("mode", 8, .u16)]),
      KernelStructure("attribute_group", size: 40, [("name", 0, .pointer(.const(.char)))]),
    ]
  }

  private static let moduleParts = [
    KernelStructure(
      "mod_kallsyms", size: 32,
      [
        ("symtab", 0, .pointer(.typedef("Elf64_Sym", .structure("elf64_sym")))), ("num_symtab", 8, .uint),
        ("strtab", 16, .pointer(.char)), ("typetab", 24, .pointer(.char)),
      ]),
    KernelStructure(
      "elf64_sym", size: 24,
      [
        ("st_name", 0, .typedef("Elf64_Word", .u32)), ("st_info", 4, .u8), ("st_other", 5, .u8),
        ("st_shndx", 6, .typedef("Elf64_Half", .u16)), ("st_value", 8, .typedef("Elf64_Addr", .u64)),
        ("st_size", 16, .typedef("Elf64_Xword", .u64)),
      ]),
    KernelStructure(
      "btf_module", size: 48,
      [
        ("list", 0, .list), ("module", 16, .pointer(to: "module")), ("btf", 24, .pointer(to: "btf")),
        ("flags", 40, .sint),
      ]),
    KernelStructure(
      "btf", size: 232,
      [
        ("data", 0, .voidPointer), ("nr_types", 72, .u32), ("types_size", 76, .u32),
        ("data_size", btfDataSize, .u32), ("base_btf", 152, .pointer(to: "btf")), ("start_id", 160, .u32),
        ("start_str_off", 164, .u32), ("name", btfName, .array(.char, 56)), ("kernel_btf", 228, .bool),
      ]),
  ]
}

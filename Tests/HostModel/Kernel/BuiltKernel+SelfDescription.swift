extension BuiltKernel {
  /// Where a kernel that describes itself has its data, in bytes from `_stext`: what follows the text of 1 MiB.
  public enum DataPlace {
    public static let initTask: UInt64 = 0x10_0000
    /// `modules` and `btf_modules`, list heads.
    public static let modules: UInt64 = 0x10_2000
    public static let moduleTypes: UInt64 = 0x10_2010
    public static let pageOffsetBase: UInt64 = 0x10_2040
    public static let vmallocBase: UInt64 = 0x10_2048
    /// `zero_pfn` and `huge_zero_pfn`.
    public static let zeroPFN: UInt64 = 0x10_2050
    public static let hugeZeroPFN: UInt64 = 0x10_2058
    /// `vmemmap_base`.
    public static let vmemmapBase: UInt64 = 0x10_2060
    /// `nr_cpu_ids`, `panic_cpu`, `crashing_cpu`; `freezer_cgrp_subsys`.
    public static let cpuCount: UInt64 = 0x10_2068
    public static let panicCPU: UInt64 = 0x10_206c
    public static let crashingCPU: UInt64 = 0x10_2070
    public static let freezer: UInt64 = 0x10_2080
    /// Functions in which tasks wait, so many bytes apart; the scheduler's own first.
    public static let functions: UInt64 = 0xf_a000
    public static let functionStep: UInt64 = 0x100
    /// ORC tables: places, then rules.
    public static let orcPlaces: UInt64 = 0x10_3000
    public static let orcRules: UInt64 = 0x10_3800
    /// `tsc_khz`, `__sched_clock_offset`, `__sched_clock_stable` and `kvm_sched_clock_offset`, 8 bytes each.
    static let clock: UInt64 = 0x10_2100
    /// `cyc2ns`, in each CPU's area.
    static let cyclesInArea: UInt64 = 0x3000
    /// The image's notes, and `linux_banner`.
    static let notes: UInt64 = 0x10_2800
    static let banner: UInt64 = 0x10_2a00
    /// A page of KVM's data and one of its text, when it is built in.
    public static let kvmData: UInt64 = 0x10_4000
    public static let kvmText: UInt64 = 0x10_5000
    /// `empty_zero_page`.
    public static let zeroPage: UInt64 = 0x10_6000
    /// `zswap_trees` and `nr_zswap_trees`; `swapper_spaces` and `nr_swapper_spaces`, or `swap_info`; the operations of
    /// shared memory's files, and a counter.
    public static let zswapTrees: UInt64 = 0x10_7000
    public static let zswapTreeCounts: UInt64 = 0x10_7100
    public static let swapSpaces: UInt64 = 0x10_7200
    public static let swapSpaceCounts: UInt64 = 0x10_7300
    public static let sharedOperations: UInt64 = 0x10_7400
    static let rawPages: UInt64 = 0x10_7500
    /// `swap_info` beside swap spaces.
    static let swapAreas: UInt64 = 0x10_7600
    /// `__per_cpu_offset`, up to 8192 CPUs.
    public static let perCPUOffsets: UInt64 = 0x11_0000
    /// `__per_cpu_start` of kernels that link per-CPU areas at addresses of the image.
    public static let perCPUStart: UInt64 = 0x12_0000
    /// The first table of kallsyms; in front of it some empty room.
    public static let symbols: UInt64 = 0x20_0000
    public static let types: UInt64 = 0x40_0040
    static let firstFiller: UInt64 = 0x1_0000
    static let fillerStep: UInt64 = 0x130
  }

  /// `__per_cpu_start`: 0 up to 6.14, an address of the image since. Source: arch/x86/kernel/vmlinux.lds.S.
  var perCPUStart: UInt64 { description.hasLinkedPerCPU ? stext + DataPlace.perCPUStart : 0 }

  /// Where the table of all `struct page` begins, spread as the direct map is.
  /// Source: Documentation/arch/x86/x86_64/mm.rst.
  public var vmemmap: UInt64 {
    (description.isLA57 ? 0xffd4_0000_0000_0000 : 0xffff_ea00_0000_0000) + (directMap >> 30 & 0xfff) << 30
  }

  /// What GS holds in the kernel: `__per_cpu_offset` of a CPU. The two are the same while `__per_cpu_start` is 0.
  public func gsBase(_ cpu: Int) -> UInt64 { perCPUBase(cpu) &- perCPUStart }

  /// The value of a per-CPU symbol, from its bytes in a CPU's area.
  func perCPUSymbol(_ offset: UInt64) -> UInt64 { perCPUStart + offset }

  /// A page of the image as its virtual address and frame.
  func imagePage(_ place: UInt64) -> Mapping { Mapping(virtual: stext + place, frames: [(image + place) >> 12]) }

  /// The tables of names and types, and the few words that they lead to.
  /// - Returns: the keys of VMCOREINFO that say where the names are.
  mutating func writeSelfDescription(_ own: KernelSelfDescription, in space: inout some FrameSpace) -> String {
    for cpu in perCPU.indices {
      space.memory.store(gsBase(cpu), at: image + DataPlace.perCPUOffsets + UInt64(cpu) * 8)
    }
    space.memory.store(directMap, at: image + DataPlace.pageOffsetBase)
    space.memory.store(vmallocStart, at: image + DataPlace.vmallocBase)
    space.memory.store(vmemmap, at: image + DataPlace.vmemmapBase)
    space.memory.store((image + DataPlace.zeroPage) >> 12, at: image + DataPlace.zeroPFN)
    // No huge one was made yet.
    space.memory.store(~0, at: image + DataPlace.hugeZeroPFN)
    if let clock = description.clock { write(clock, in: &space) }
    if let time = description.keptTime { write(time, in: &space) }
    for head in [DataPlace.modules, DataPlace.moduleTypes] {
      space.memory.store(stext + head, at: image + head)
      space.memory.store(stext + head, at: image + head + 8)
    }
    writeScheduler(own, in: &space)
    space.memory.write(block: own.types, at: image + DataPlace.types)
    space.memory.write(BuiltKernel.note(buildID()), at: image + DataPlace.notes)
    space.memory.write(banner, at: image + DataPlace.banner)
    let heads = [
      ("modules", DataPlace.modules, 16), ("btf_modules", DataPlace.moduleTypes, 16),
      ("page_offset_base", DataPlace.pageOffsetBase, 8), ("init_task", DataPlace.initTask, own.shape.taskSize),
      ("__per_cpu_offset", DataPlace.perCPUOffsets, UInt64(perCPU.count) * 8),
    ]
    structures += heads.map { BuiltStructure($0, at: image + $1, size: $2) }
    let blob = image + DataPlace.types
    structures += BTFWriter.sections(of: own.types).map { section in
      BuiltStructure(
        section.name, at: blob + section.bytes.lowerBound, size: UInt64(section.bytes.count))
    }
    guard let form = own.symbols else { return "" }
    let tables = KallsymsTables(
      symbols(own, form: form), form: form, hasOffsetsLast: own.shape.hasOffsetsLast,
      address: stext + DataPlace.symbols, base: stext)
    space.memory.write(block: tables.bytes, at: image + DataPlace.symbols)
    structures += tables.places.map { table in
      BuiltStructure(
        "kallsyms_\(table.name)", at: image + DataPlace.symbols + table.bytes.lowerBound,
        size: UInt64(table.bytes.count))
    }
    guard own.hasSymbolKeys else { return "" }
    let keys = tables.places.filter { $0.name != "markers" }.map { table in
      "SYMBOL(kallsyms_\(table.name))=\(String(stext + DataPlace.symbols + table.bytes.lowerBound, radix: 16))\n"
    }
    return keys.joined()
  }

  private func write(_ clock: ClockDescription, in space: inout some FrameSpace) {
    for (index, word) in [clock.ticks, clock.stableOffset, 1, 0].enumerated() {
      space.memory.store(word, at: image + DataPlace.clock + UInt64(index) * 8)
    }
    for area in perCPU {
      for (index, word) in clock.image.enumerated() {
        space.memory.store(word, at: area + DataPlace.cyclesInArea + UInt64(index) * 8)
      }
    }
  }

  private func symbols(
    _ own: KernelSelfDescription, form: KallsymsForm
  ) -> [(symbol: KernelSymbol, isPerCPU: Bool, code: [UInt8]?)] {
    var named = imageSymbols(own)
    if own.shape.hasLongNames {
      named += FillerSymbols.longNames.enumerated().map { KernelSymbol("t", $1, stext + 0xf_8000 + UInt64($0) * 64) }
    }
    let places = stext + DataPlace.firstFiller
    let filler = zip(FillerSymbols.names, FillerSymbols.encoded).enumerated().map { index, name in
      (KernelSymbol("t", name.0, places + UInt64(index) * DataPlace.fillerStep), false, Optional(name.1))
    }
    let perCPU = perCPUSymbols(own).map { ($0, !description.hasLinkedPerCPU, nil as [UInt8]?) }
    let all = perCPU + named.map { ($0, false, nil) } + filler
    return all.sorted { $0.0.value < $1.0.value }.map { (symbol: $0.0, isPerCPU: $0.1, code: $0.2) }
  }

  /// Those of the image but the tables' own, which scripts/kallsyms.c leaves out.
  func imageSymbols(_ own: KernelSelfDescription) -> [KernelSymbol] {
    let places: [(Character, String, UInt64)] = [
      ("T", "_text", 0), ("T", "_stext", 0), ("t", "default_idle", Place.idle),
      ("T", "entry_SYSCALL_64", Place.systemCall), ("T", "entry_SYSENTER_compat", Place.sysenter),
      ("D", "swapper_pg_dir", Place.swapper), ("D", "init_top_pgt", Place.swapper),
      ("D", "init_uts_ns", Place.utsNamespace), ("B", "node_online_map", Place.nodeOnlineMap),
      ("B", "vmcoreinfo_data", Place.vmcoreInfo), ("B", "vmcoreinfo_note", Place.vmcoreInfo + 8),
      ("D", "init_task", DataPlace.initTask), ("d", "modules", DataPlace.modules),
      ("d", "btf_modules", DataPlace.moduleTypes), ("D", "page_offset_base", DataPlace.pageOffsetBase),
      ("D", "vmalloc_base", DataPlace.vmallocBase), ("D", "vmemmap_base", DataPlace.vmemmapBase),
      ("R", "__per_cpu_offset", DataPlace.perCPUOffsets),
      ("D", "zero_pfn", DataPlace.zeroPFN), ("D", "huge_zero_pfn", DataPlace.hugeZeroPFN),
      ("B", "empty_zero_page", DataPlace.zeroPage),
    ]
    var all = (places + schedulerSymbols).map { KernelSymbol($0, $1, stext + $2) }
    for (index, name) in (own.shape.memoryFunctions + own.shape.hugePageFunctions).enumerated() {
      all.append(KernelSymbol("T", name, stext + 0xf_9000 + UInt64(index) * 64))
    }
    for (name, place) in own.shape.swapSymbols { all.append(KernelSymbol("b", name, stext + place)) }
    if description.clock != nil {
      let names = ["tsc_khz", "__sched_clock_offset", "__sched_clock_stable", "kvm_sched_clock_offset"]
      all += names.enumerated().map { KernelSymbol("D", $1, stext + DataPlace.clock + UInt64($0) * 8) }
    }
    if description.keptTime != nil {
      all += BuiltKernel.keptTimeSymbols.map { KernelSymbol($0, $1, stext + $2) }
    }
    if !own.types.isEmpty {
      all.append(KernelSymbol("R", "__start_BTF", stext + DataPlace.types))
      all.append(KernelSymbol("R", "__stop_BTF", stext + DataPlace.types + UInt64(own.types.count)))
    }
    if own.isKVMBuiltIn {
      all += KVMModule.symbols(
        data: stext + DataPlace.kvmData, text: stext + DataPlace.kvmText, hasReturnList: own.shape.hasModuleTypes)
    }
    return all
  }

  func perCPUSymbols(_ own: KernelSelfDescription) -> [KernelSymbol] {
    let type: Character = description.hasLinkedPerCPU ? "D" : "A"
    var names: [(String, UInt64)] = [("fixed_percpu_data", 0), ("__per_cpu_start", 0), ("cpu_info", 0x2000)]
    names.append(("runqueues", KernelShape.perCPUQueue))
    if own.isKVMBuiltIn {
      names += [("current_vmcs", KVMModule.PerCPU.currentVMCS), ("loaded_vmcss_on_cpu", KVMModule.PerCPU.loaded)]
    }
    if description.clock != nil { names.append(("cyc2ns", DataPlace.cyclesInArea)) }
    if description.keptTime != nil { names.append(("sched_clock_data", DataPlace.tickInArea)) }
    return names.map { KernelSymbol(type, $0, perCPUSymbol($1)) }
  }
}

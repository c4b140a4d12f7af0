/// A Linux kernel in physical memory, for the host and for guests alike: image with `swapper_pg_dir` and `init_uts_ns`,
/// direct map, per-CPU areas, cpu_entry_area, vmalloc and module space, VMCOREINFO. Addresses are spread as KASLR
/// spreads them.
struct RecipeKernel: Sendable {
  /// Where things stand in the image, in bytes from `_stext`.
  enum Place {
    static let idle: UInt64 = 0x1230
    static let systemCall: UInt64 = 0x2000
    static let sysenter: UInt64 = 0x2540
    static let swapper: UInt64 = 0x8000
    static let utsNamespace: UInt64 = 0xa140
    static let taskPage: UInt64 = 0xb000
  }

  /// Memory that the kernel maps page by page: a run of virtual addresses over scattered frames.
  struct Mapping: Sendable {
    let virtual: UInt64
    let frames: [UInt64]

    func physical(_ offset: UInt64) -> UInt64 { frames[Int(offset >> 12)] << 12 | offset & 0xfff }
  }

  static let textBase: UInt64 = 0xffff_ffff_8000_0000
  static let entryArea: UInt64 = 0xffff_fe00_0000_0000

  let release: String
  let nodeName: String
  let isLA57: Bool
  let imageSize: UInt64
  /// Physical address of `_stext`.
  let image: UInt64
  /// KERNELOFFSET, bytes.
  let offset: UInt64
  let directMap: UInt64
  let tables: RecipePageTables
  /// Per CPU: physical address of its per-CPU area.
  private(set) var perCPU: [UInt64] = []
  /// Physical address of the VMCOREINFO note, two pages.
  private(set) var note: UInt64 = 0
  private var nextVmalloc: UInt64
  private var nextModule: UInt64

  var stext: UInt64 { RecipeKernel.textBase + 0x100_0000 + offset }
  var physBase: Int64 { Int64(image) - 0x100_0000 - Int64(offset) }

  /// Places the kernel. `image` is a physical address, it and `imageSize` are multiples of 2 MiB; `largest` is the
  /// direct map's largest page.
  init(
    release: String, nodeName: String, isLA57: Bool, image: UInt64, imageSize: UInt64, largest: UInt64, cpus: Int,
    perCPUPages: UInt64, in space: inout RecipeSpace
  ) throws(RecipeMistake) {
    self.release = release
    self.nodeName = nodeName
    self.isLA57 = isLA57
    self.imageSize = imageSize
    self.image = image
    offset = space.random.below(400) << 21
    directMap = (isLA57 ? 0xff11_0000_0000_0000 : 0xffff_8880_0000_0000) + space.random.below(0x1000) << 30
    nextVmalloc = (isLA57 ? 0xffa0_0000_0000_0000 : 0xffff_c900_0000_0000) + space.random.below(0x800) << 30
    nextModule = 0xffff_ffff_c000_0000 + space.random.below(1024) << 12
    tables = RecipePageTables(root: image + Place.swapper, levels: isLA57 ? 5 : 4)
    space.memory.setWords(RecipeMemory.zero, frame: tables.root >> 12)
    try tables.map(
      run: stext, to: image, count: imageSize, largest: 2 << 20, flags: RecipePageTables.Flags.kernelText, in: &space)
    for run in space.ram {
      let start = run.lowerBound << 12
      try tables.map(
        run: directMap + start, to: start, count: UInt64(run.count) << 12, largest: largest,
        flags: RecipePageTables.Flags.kernelData, in: &space)
    }
    writeImage(in: &space)
    for cpu in 0..<cpus { try addCPU(cpu, pages: perCPUPages, in: &space) }
    try writeVMCoreInfo(in: &space)
  }

  /// The direct-map address of a physical one.
  func virtual(_ physical: UInt64) -> UInt64 { directMap + physical }

  func perCPUBase(_ cpu: Int) -> UInt64 { virtual(perCPU[cpu]) }

  /// cpu_entry_area since 4.15: the read-only IDT first, then a fixed stretch for each CPU with GDT and TSS.
  func gdtBase(_ cpu: Int) -> UInt64 { RecipeKernel.entryArea + 0x1000 + UInt64(cpu) * 0x3b000 }
  func tssBase(_ cpu: Int) -> UInt64 { gdtBase(cpu) + 0x2000 }

  /// Fresh pages behind a fresh run of vmalloc addresses, a guard page apart from the last one. `alignment` is in
  /// pages.
  mutating func vmalloc(
    pages: Int, alignment: UInt64 = 1, in space: inout RecipeSpace
  ) throws(RecipeMistake) -> Mapping {
    let unit = alignment << 12
    nextVmalloc += (unit - nextVmalloc % unit) % unit
    let mapping = try map(pages: pages, at: nextVmalloc, flags: RecipePageTables.Flags.kernelData, in: &space)
    nextVmalloc += UInt64(pages + 1) << 12
    return mapping
  }

  /// The same in module space, executable.
  mutating func moduleAlloc(pages: Int, in space: inout RecipeSpace) throws(RecipeMistake) -> Mapping {
    let mapping = try map(pages: pages, at: nextModule, flags: RecipePageTables.Flags.kernelText, in: &space)
    nextModule += UInt64(pages + 1) << 12
    return mapping
  }

  private func map(
    pages: Int, at virtual: UInt64, flags: UInt64, in space: inout RecipeSpace
  ) throws(RecipeMistake) -> Mapping {
    var frames: [UInt64] = []
    for page in 0..<UInt64(pages) {
      let frame = try space.allocate()
      try tables.map(virtual + page << 12, to: frame << 12, flags: flags, in: &space)
      frames.append(frame)
    }
    return Mapping(virtual: virtual, frames: frames)
  }

  private mutating func addCPU(_ cpu: Int, pages: UInt64, in space: inout RecipeSpace) throws(RecipeMistake) {
    perCPU.append(try space.allocate(pages) << 12)
    if cpu == 0 { try mapEntryPage(RecipeKernel.entryArea, in: &space) }
    try mapEntryPage(gdtBase(cpu), in: &space)
    try mapEntryPage(tssBase(cpu), in: &space)
  }

  private func mapEntryPage(_ virtual: UInt64, in space: inout RecipeSpace) throws(RecipeMistake) {
    let page = try space.allocatePage()
    space.memory.store(0x0000_8e00_0010_0000 | virtual & 0xffff, at: page + 0x10)
    try tables.map(virtual, to: page, flags: RecipePageTables.Flags.kernelData, in: &space)
  }

  /// `sti, hlt, ret` where an idle CPU stands, and the six names of `init_uts_ns`.
  private func writeImage(in space: inout RecipeSpace) {
    space.memory.write([0xfb, 0xf4, 0xc3], at: image + Place.idle)
    space.memory.write([0x0f, 0x01, 0xf8], at: image + Place.systemCall)
    space.memory.write([0xfa], at: image + Place.sysenter)
    let names = ["Linux", nodeName, release, "#1 SMP PREEMPT_DYNAMIC Recipe", "x86_64", "(none)"]
    for (place, name) in names.enumerated() {
      space.memory.write(name.utf8, at: image + Place.utsNamespace + UInt64(place) * 65)
    }
  }

  /// The text page and the note, as `vmcoreinfo_data` and `vmcoreinfo_note` hold them. Source: Documentation/elf.md
  /// §4.2.
  private mutating func writeVMCoreInfo(in space: inout RecipeSpace) throws(RecipeMistake) {
    let text = Array(vmcoreInfo.utf8)
    space.memory.write(text, at: try space.allocatePage())
    note = try space.allocate(2) << 12
    space.memory.write(RecipeNotes.note(name: "VMCOREINFO", type: 0, descriptor: text), at: note)
  }

  /// VMCOREINFO as the kernel prints it: the keys that readers ask for. Source: Documentation/elf.md §4.4.
  var vmcoreInfo: String {
    func hex(_ value: UInt64) -> String { String(value, radix: 16) }
    let swapper = hex(stext + Place.swapper)
    return """
      OSRELEASE=\(release)
      BUILD-ID=\(hex(RecipeRandom.mix(offset)))\(hex(RecipeRandom.mix(image)))
      PAGESIZE=4096
      SYMBOL(init_uts_ns)=\(hex(stext + Place.utsNamespace))
      OFFSET(uts_namespace.name)=0
      SYMBOL(node_online_map)=\(hex(stext + 0xc000))
      SYMBOL(swapper_pg_dir)=\(swapper)
      SYMBOL(_stext)=\(hex(stext))
      SYMBOL(mem_section)=\(hex(stext + 0xc100))
      LENGTH(mem_section)=2048
      SIZE(mem_section)=16
      OFFSET(mem_section.section_mem_map)=0
      NUMBER(SECTION_SIZE_BITS)=27
      NUMBER(MAX_PHYSMEM_BITS)=\(isLA57 ? 52 : 46)
      SIZE(page)=64
      SIZE(list_head)=16
      OFFSET(list_head.next)=0
      OFFSET(list_head.prev)=8
      NUMBER(phys_base)=\(physBase)
      SYMBOL(init_top_pgt)=\(swapper)
      NUMBER(pgtable_l5_enabled)=\(isLA57 ? 1 : 0)
      KERNELOFFSET=\(hex(offset))
      NUMBER(KERNEL_IMAGE_SIZE)=1073741824
      NUMBER(sme_mask)=0

      """
  }
}

/// The host's Linux kernel in physical memory: image with `swapper_pg_dir` and `init_uts_ns`, direct map, per-CPU
/// areas, vmalloc and module space, VMCOREINFO.
struct HostKernel: Sendable {
  /// Bytes from `_stext`.
  enum Place {
    static let sysenter: UInt64 = 0x2540
    static let swapper: UInt64 = 0x8000
    static let utsNamespace: UInt64 = 0xa140
    static let nodeOnlineMap: UInt64 = 0xc000
  }

  /// Pages at a run of virtual addresses.
  struct Mapping: Sendable {
    let virtual: UInt64
    let frames: [UInt64]
    func physical(_ offset: UInt64) -> UInt64 { frames[Int(offset >> 12)] << 12 | offset & 0xfff }
  }

  static let textBase: UInt64 = 0xffff_ffff_8000_0000
  static let entryArea: UInt64 = 0xffff_fe00_0000_0000
  /// `mem_section.section_mem_map` of a section that is there: the array of `struct page` with the four flags.
  static let section: UInt64 = 0xffff_ea00_0000_000f
  static let release = "6.1.0-bench-amd64"

  let image = Geometry.imageFrame << 12
  /// KERNELOFFSET, bytes.
  let offset: UInt64
  let directMap: UInt64
  let tables: PageTables
  private(set) var perCPU: [UInt64] = []
  /// Physical address of the array of section roots.
  private(set) var memSection: UInt64 = 0
  private var nextVmalloc: UInt64
  private var nextModule: UInt64

  var stext: UInt64 { Self.textBase + 0x100_0000 + offset }
  var physBase: Int64 { Int64(image) - 0x100_0000 - Int64(offset) }
  var utsname: [String] { Self.utsname(node: "bench-host") }

  static func utsname(node: String) -> [String] {
    ["Linux", node, release, "#1 SMP PREEMPT_DYNAMIC vmcs-bench", "x86_64", "(none)"]
  }

  init(_ options: HostOptions, end: UInt64, in memory: inout KernelMemory) throws(NoRoom) {
    var random = Random(seed: mix(options.seed) &+ 7)
    offset = random.below(400) << 21
    directMap = 0xffff_8880_0000_0000 + random.below(0x1000) << 30
    nextVmalloc = 0xffff_c900_0000_0000 + random.below(0x800) << 30
    nextModule = 0xffff_ffff_c000_0000 + random.below(1024) << 12
    tables = PageTables(root: image + Place.swapper)
    for piece in stride(from: 0, to: Geometry.imageFrames << 12, by: 2 << 20) {
      try tables.map(stext + piece, to: image + piece, level: 2, flags: PageTables.text, in: &memory)
    }
    for address in stride(from: 0, to: end << 12, by: 1 << 30) {
      try tables.map(directMap + address, to: address, level: 3, flags: PageTables.data, in: &memory)
    }
    for (place, name) in utsname.enumerated() {
      memory.write(name.utf8, at: image + Place.utsNamespace + UInt64(place) * 65)
    }
    memory.store(1, at: image + Place.nodeOnlineMap)
    try writeSections(end: end, in: &memory)
    for cpu in 0..<options.cpus {
      perCPU.append(try memory.allocate(64) << 12)
      if cpu == 0 { try mapEntryPage(Self.entryArea, in: &memory) }
      try mapEntryPage(gdtBase(cpu), in: &memory)
      try mapEntryPage(tssBase(cpu), in: &memory)
    }
  }

  /// The direct-map address of a physical one.
  func virtual(_ physical: UInt64) -> UInt64 { directMap + physical }

  /// cpu_entry_area since 4.15: the IDT, then a fixed stretch for each CPU with GDT and TSS.
  func gdtBase(_ cpu: UInt64) -> UInt64 { Self.entryArea + 0x1000 + cpu * 0x3b000 }
  func tssBase(_ cpu: UInt64) -> UInt64 { gdtBase(cpu) + 0x2000 }

  /// Fresh pages behind fresh vmalloc addresses.
  mutating func vmalloc(
    pages: UInt64, alignment: UInt64 = 1, in memory: inout KernelMemory
  ) throws(NoRoom) -> Mapping {
    let unit = alignment << 12
    nextVmalloc += (unit - nextVmalloc % unit) % unit
    let mapping = try map(pages, at: nextVmalloc, flags: PageTables.data, in: &memory)
    nextVmalloc += (pages + 1) << 12
    return mapping
  }

  /// The same in module space, executable.
  mutating func moduleAlloc(pages: UInt64, in memory: inout KernelMemory) throws(NoRoom) -> Mapping {
    let mapping = try map(pages, at: nextModule, flags: PageTables.text, in: &memory)
    nextModule += (pages + 1) << 12
    return mapping
  }

  /// A process' top-level table shows the kernel's half as it is.
  func copyHalf(to root: UInt64, in memory: inout KernelMemory) {
    for place in 256..<512 as Range<UInt64> {
      memory.store(memory.load(tables.root + place * 8), at: root + place * 8)
    }
  }

  private func map(
    _ pages: UInt64, at virtual: UInt64, flags: UInt64, in memory: inout KernelMemory
  ) throws(NoRoom) -> Mapping {
    var frames: [UInt64] = []
    for page in 0..<pages {
      let frame = try memory.allocate()
      try tables.map(virtual + page << 12, to: frame << 12, flags: flags, in: &memory)
      frames.append(frame)
    }
    return Mapping(virtual: virtual, frames: frames)
  }

  private func mapEntryPage(_ virtual: UInt64, in memory: inout KernelMemory) throws(NoRoom) {
    let page = try memory.allocatePage()
    memory.store(0x0000_8e00_0010_0000 | virtual & 0xffff, at: page + 0x10)
    try tables.map(virtual, to: page, flags: PageTables.data, in: &memory)
  }

  /// The sections of SPARSEMEM_EXTREME, 128 MiB each, 256 to a page: all name the one array of `struct page`, which is
  /// not in the dump. Source: include/linux/mmzone.h.
  private mutating func writeSections(end: UInt64, in memory: inout KernelMemory) throws(NoRoom) {
    memSection = try memory.allocate(4) << 12
    for section in 0..<(end + 0x7fff) >> 15 {
      let place = memSection + section / 256 * 8
      if memory.load(place) == 0 { memory.store(virtual(try memory.allocatePage()), at: place) }
      memory.store(Self.section, at: memory.load(place) - directMap + section % 256 * 16)
    }
  }

  var vmcoreInfo: String {
    Self.vmcoreInfo(stext: stext, offset: offset, physBase: physBase, memSection: virtual(memSection))
  }

  /// VMCOREINFO as a kernel prints it: the keys that dump tools ask for. Source: kernel/vmcore_info.c.
  static func vmcoreInfo(stext: UInt64, offset: UInt64, physBase: Int64, memSection: UInt64) -> String {
    func hex(_ value: UInt64) -> String { String(value, radix: 16) }
    let swapper = hex(stext + Place.swapper)
    return """
      OSRELEASE=\(release)
      BUILD-ID=\(hex(mix(offset)))\(hex(mix(stext)))
      PAGESIZE=4096
      SYMBOL(init_uts_ns)=\(hex(stext + Place.utsNamespace))
      OFFSET(uts_namespace.name)=0
      SYMBOL(node_online_map)=\(hex(stext + Place.nodeOnlineMap))
      SYMBOL(swapper_pg_dir)=\(swapper)
      SYMBOL(_stext)=\(hex(stext))
      SYMBOL(mem_section)=\(hex(memSection))
      LENGTH(mem_section)=2048
      SIZE(mem_section)=16
      OFFSET(mem_section.section_mem_map)=0
      NUMBER(SECTION_SIZE_BITS)=27
      NUMBER(MAX_PHYSMEM_BITS)=46
      SIZE(page)=64
      SIZE(pglist_data)=174208
      SIZE(zone)=1536
      SIZE(free_area)=88
      SIZE(list_head)=16
      SIZE(nodemask_t)=128
      OFFSET(page.flags)=0
      OFFSET(page._refcount)=52
      OFFSET(page.mapping)=24
      OFFSET(page.lru)=8
      OFFSET(page._mapcount)=48
      OFFSET(page.private)=40
      OFFSET(page.compound_dtor)=16
      OFFSET(page.compound_order)=17
      OFFSET(page.compound_head)=8
      OFFSET(list_head.next)=0
      OFFSET(list_head.prev)=8
      NUMBER(phys_base)=\(physBase)
      SYMBOL(init_top_pgt)=\(swapper)
      NUMBER(pgtable_l5_enabled)=0
      KERNELOFFSET=\(hex(offset))
      NUMBER(KERNEL_IMAGE_SIZE)=1073741824
      NUMBER(sme_mask)=0

      """
  }
}

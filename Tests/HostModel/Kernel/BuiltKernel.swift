/// A Linux kernel in physical memory, for the host and for guests alike: image with `swapper_pg_dir` and `init_uts_ns`,
/// direct map, per-CPU areas, cpu_entry_area, vmalloc and module space, VMCOREINFO. Addresses are spread as KASLR
/// spreads them.
public struct BuiltKernel: Sendable {
  /// Where things stand in the image, in bytes from `_stext`.
  public enum Place {
    public static let idle: UInt64 = 0x1230
    public static let systemCall: UInt64 = 0x2000
    public static let sysenter: UInt64 = 0x2540
    public static let swapper: UInt64 = 0x8000
    public static let utsNamespace: UInt64 = 0xa140
    public static let taskPage: UInt64 = 0xb000
    public static let nodeOnlineMap: UInt64 = 0xc000
    /// `mem_section` of a kernel that has none in memory.
    public static let memorySections: UInt64 = 0xc100
    /// `vmcoreinfo_data`, and `vmcoreinfo_note` behind it.
    public static let vmcoreInfo: UInt64 = 0xd000
    /// `boot_cpu_data.x86_vendor_id`, 16 bytes, and `x86_model_id` behind it.
    public static let vendor: UInt64 = 0xe368
    /// The variable `prb`.
    public static let log: UInt64 = 0xd100
  }

  /// Memory that the kernel maps page by page: a run of virtual addresses over scattered frames.
  public struct Mapping: Sendable {
    public let virtual: UInt64
    public let frames: [UInt64]

    public init(virtual: UInt64, frames: [UInt64]) {
      self.virtual = virtual
      self.frames = frames
    }

    /// Physical address of a byte, counted from the start of the run.
    public func physical(_ offset: UInt64) -> UInt64 { frames[Int(offset >> 12)] << 12 | offset & 0xfff }
  }

  public static let textBase: UInt64 = 0xffff_ffff_8000_0000
  public static let entryArea: UInt64 = 0xffff_fe00_0000_0000

  public let description: KernelDescription
  /// Physical address of `_stext`.
  public let image: UInt64
  /// KERNELOFFSET, bytes.
  public let offset: UInt64
  public let directMap: UInt64
  public let tables: PageTables
  /// Per CPU: physical address of its per-CPU area.
  public private(set) var perCPU: [UInt64] = []
  /// Virtual address of `mem_section`.
  public private(set) var memorySections: UInt64
  /// Physical address of the VMCOREINFO note, two pages.
  public private(set) var note: UInt64 = 0
  /// The keys of VMCOREINFO that say where the kernel's names are.
  public private(set) var symbolKeys = ""
  /// What the kernel has and a reader comes by, if it describes itself.
  public internal(set) var structures: [BuiltStructure] = []
  /// Where vmalloc space begins.
  let vmallocStart: UInt64
  private var nextVmalloc: UInt64
  private var nextModule: UInt64

  public var stext: UInt64 { BuiltKernel.textBase + 0x100_0000 + offset }
  /// `phys_base`, bytes.
  public var physBase: Int64 { Int64(image) - 0x100_0000 - Int64(offset) }

  /// Places the kernel. `image` is a physical address and a multiple of 2 MiB.
  public init<Space: FrameSpace>(
    _ description: KernelDescription, image: UInt64, in space: inout Space
  ) throws(Space.Failure) {
    let isLA57 = description.isLA57
    self.description = description
    self.image = image
    offset = space.random.below(400) << 21
    directMap = (isLA57 ? 0xff11_0000_0000_0000 : 0xffff_8880_0000_0000) + space.random.below(0x1000) << 30
    vmallocStart = (isLA57 ? 0xffa0_0000_0000_0000 : 0xffff_c900_0000_0000) + space.random.below(0x800) << 30
    nextVmalloc = vmallocStart
    nextModule = 0xffff_ffff_c000_0000 + space.random.below(1024) << 12
    tables = PageTables(
      root: image + Place.swapper, levels: isLA57 ? 5 : 4, encryptionBit: description.encryptionBit)
    memorySections = BuiltKernel.textBase + 0x100_0000 + offset + Place.memorySections
    space.memory.setWords(SparseMemory.zero, frame: tables.root >> 12)
    try tables.map(
      run: stext, to: image, count: description.imageSize, largest: 2 << 20, flags: PageTables.Flags.kernelImage,
      in: &space)
    for run in space.ram {
      let start = run.lowerBound << 12
      try tables.map(
        run: directMap + start, to: start, count: UInt64(run.count) << 12, largest: description.largestPage,
        flags: PageTables.Flags.kernelData, in: &space)
    }
    writeImage(in: &space)
    for cpu in 0..<description.cpus { try addCPU(cpu, in: &space) }
    if description.hasMemorySections { memorySections = virtual(try writeSections(in: &space)) }
    if let own = description.selfDescription { symbolKeys = writeSelfDescription(own, in: &space) }
    if let log = description.log { try write(log, in: &space) }
    try writeVMCoreInfo(in: &space)
  }

  /// The direct-map address of a physical one.
  public func virtual(_ physical: UInt64) -> UInt64 { directMap + physical }

  public func perCPUBase(_ cpu: Int) -> UInt64 { virtual(perCPU[cpu]) }

  /// cpu_entry_area since 4.15: the read-only IDT first, then a fixed stretch for each CPU with GDT and TSS.
  public func gdtBase(_ cpu: Int) -> UInt64 { BuiltKernel.entryArea + 0x1000 + UInt64(cpu) * 0x3b000 }
  public func tssBase(_ cpu: Int) -> UInt64 { gdtBase(cpu) + 0x2000 }

  /// Fresh pages behind a fresh run of vmalloc addresses, a guard page apart from the last one. `alignment` is in
  /// pages.
  public mutating func vmalloc<Space: FrameSpace>(
    pages: Int, alignment: UInt64 = 1, in space: inout Space
  ) throws(Space.Failure) -> Mapping {
    let unit = alignment << 12
    nextVmalloc += (unit - nextVmalloc % unit) % unit
    let mapping = try map(pages: pages, at: nextVmalloc, flags: PageTables.Flags.kernelData, in: &space)
    nextVmalloc += UInt64(pages + 1) << 12
    return mapping
  }

  /// The same in module space, executable.
  public mutating func moduleAlloc<Space: FrameSpace>(
    pages: Int, in space: inout Space
  ) throws(Space.Failure) -> Mapping {
    let mapping = try map(pages: pages, at: nextModule, flags: PageTables.Flags.kernelText, in: &space)
    nextModule += UInt64(pages + 1) << 12
    return mapping
  }

  private func map<Space: FrameSpace>(
    pages: Int, at virtual: UInt64, flags: UInt64, in space: inout Space
  ) throws(Space.Failure) -> Mapping {
    var frames: [UInt64] = []
    for page in 0..<UInt64(pages) {
      let frame = try space.allocate()
      try tables.map(virtual + page << 12, to: frame << 12, flags: flags, in: &space)
      frames.append(frame)
    }
    return Mapping(virtual: virtual, frames: frames)
  }

  private mutating func addCPU<Space: FrameSpace>(_ cpu: Int, in space: inout Space) throws(Space.Failure) {
    perCPU.append(try space.allocate(description.perCPUPages) << 12)
    if cpu == 0 { try mapEntryPage(BuiltKernel.entryArea, in: &space) }
    try mapEntryPage(gdtBase(cpu), in: &space)
    try mapEntryPage(tssBase(cpu), in: &space)
  }

  private func mapEntryPage<Space: FrameSpace>(_ virtual: UInt64, in space: inout Space) throws(Space.Failure) {
    let page = try space.allocatePage()
    space.memory.store(0x0000_8e00_0010_0000 | virtual & 0xffff, at: page + 0x10)
    try tables.map(virtual, to: page, flags: PageTables.Flags.kernelData, in: &space)
  }

  /// `sti, hlt, ret` where an idle CPU stands, the entries of system calls, one node, the processor's name, the six names
  /// of `init_uts_ns`.
  private func writeImage(in space: inout some FrameSpace) {
    space.memory.write([0xfb, 0xf4, 0xc3], at: image + Place.idle)
    space.memory.write([0x0f, 0x01, 0xf8], at: image + Place.systemCall)
    space.memory.write([0xfa], at: image + Place.sysenter)
    space.memory.store(1, at: image + Place.nodeOnlineMap)
    space.memory.write(description.vendor.utf8, at: image + Place.vendor)
    space.memory.write(description.model.utf8, at: image + Place.vendor + 16)
    for (place, name) in description.utsname.enumerated() {
      space.memory.write(name.utf8, at: image + Place.utsNamespace + UInt64(place) * 65)
    }
  }

  /// The log's ring and its parts, each in pages of its own.
  private func write<Space: FrameSpace>(_ log: PrintkRing, in space: inout Space) throws(Space.Failure) {
    func store(_ bytes: [UInt8]) throws(Space.Failure) -> UInt64 {
      let place = try space.allocate(UInt64(bytes.count + 4095) >> 12) << 12
      space.memory.write(block: bytes, at: place)
      return virtual(place)
    }
    let image = log.ringImage(
      descriptors: try store(log.descriptorImage), infos: try store(log.infoImage), texts: try store(log.textImage))
    space.memory.store(try store(image), at: self.image + Place.log)
  }

  /// The text page and the note, as `vmcoreinfo_data` and `vmcoreinfo_note` hold them.
  /// Source: Documentation/elf.md §4.2.
  private mutating func writeVMCoreInfo<Space: FrameSpace>(in space: inout Space) throws(Space.Failure) {
    let text = Array(vmcoreInfo.utf8)
    let data = try space.allocatePage()
    space.memory.write(text, at: data)
    note = try space.allocate(2) << 12
    space.memory.write(ElfNotes.note(name: "VMCOREINFO", type: 0, descriptor: text), at: note)
    guard description.hasVMCoreInfoPointers else { return }
    structures += [
      BuiltStructure("swapper_pg_dir", at: tables.root, size: 4096),
      BuiltStructure("vmcoreinfo_data", at: data, size: UInt64(text.count)),
    ]
    space.memory.store(virtual(data), at: image + Place.vmcoreInfo)
    space.memory.store(virtual(note), at: image + Place.vmcoreInfo + 8)
  }
}

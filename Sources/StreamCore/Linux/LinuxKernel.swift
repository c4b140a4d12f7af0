/// A Linux kernel by its own page tables. Every kernel address is translated from `swapper_pg_dir`, never from a table
/// that somebody names whom nothing proves. Source: Documentation/kvm.md §2 and §5.
struct LinuxKernel: Sendable {
  var memory: any PhysicalMemory { tables.memory }
  /// The top-level table, `swapper_pg_dir` when `anchored`.
  let root: HPA
  /// 4 or 5.
  let levels: Int
  /// What the direct map adds to a physical address.
  let directMapBase: VirtualAddress
  /// The root comes from a VMCOREINFO; else from what its structures point at, which is weaker.
  let anchored: Bool
  /// From `root` on.
  let tables: X86PageTables
  private let rootPage: Page

  /// Bits of a page-table entry, or of CR3, that say where it leads: 51:12, less the host's encryption bit.
  var frameMask: UInt64 { tables.frameMask }
  /// The bit by which AMD's processors encrypt a page of the host's own memory, `sme_me_mask`; 0 without one.
  let encryptionBit: UInt64

  /// The kernel that a VMCOREINFO describes.
  init(vmcoreinfo: VMCoreInfo, memory: any PhysicalMemory) throws(LinuxKernelFault) {
    guard let symbol = vmcoreinfo.symbol("swapper_pg_dir") else {
      throw .missing(key: "SYMBOL(swapper_pg_dir)")
    }
    guard let physical = vmcoreinfo.imagePhysical(symbol) else { throw .missing(key: "NUMBER(phys_base)") }
    try self.init(
      memory: memory, root: HPA(rawValue: physical), levels: vmcoreinfo.pagingLevels, anchored: true,
      encryptionBit: vmcoreinfo.encryptionBit)
  }

  /// A kernel by the physical address of its top-level table; the direct map is found through it.
  init(
    memory: any PhysicalMemory, root: HPA, levels: Int, anchored: Bool, encryptionBit: UInt64 = 0
  ) throws(LinuxKernelFault) {
    let table = HPA(rawValue: root.rawValue & X86PageTables.addressMask & ~encryptionBit)
    guard let page = memory.page(table.frame).page else { throw .unreadableTable(table) }
    guard page.entry(511) & 1 == 1 else { throw .noKernelImage(table) }
    let tables = X86PageTables(
      memory: memory, root: table.rawValue, levels: levels, encryptionBit: encryptionBit)
    guard let base = DirectMap.base(mapping: table.rawValue, tables: tables, root: page, levels: levels) else {
      throw .noDirectMap(of: table)
    }
    self.tables = tables
    self.root = table
    self.levels = levels
    self.anchored = anchored
    self.encryptionBit = encryptionBit
    rootPage = page
    directMapBase = VirtualAddress(rawValue: base)
  }

  /// The physical address of a kernel virtual one, through the kernel's own tables.
  func translate(_ address: VirtualAddress) -> HPA? {
    guard address.rawValue >> 63 == 1, address.isCanonical(levels: levels) else { return nil }
    return tables.translate(address).map(HPA.init(rawValue:))
  }

  /// Whether the kernel's tables are all there and say that nothing is mapped at a kernel address.
  func isUnmapped(_ address: VirtualAddress) -> Bool {
    if case .notPresent = tables.lookup(address) { return true }
    return false
  }

  /// The physical address of a virtual one through another table: a process's.
  func translate(_ address: VirtualAddress, through table: HPA) -> HPA? {
    X86PageTables(memory: memory, root: table.rawValue, levels: levels, encryptionBit: encryptionBit)
      .translate(address).map(HPA.init(rawValue:))
  }

  /// Whether the direct map, and nothing else, maps this address: it leads to itself less the base.
  func isDirectMap(_ address: VirtualAddress) -> Bool {
    translate(address)?.rawValue == address.rawValue &- directMapBase.rawValue
  }

  /// Where the direct map shows a physical address. Wraps for an address above all memory.
  func directMapped(_ address: HPA) -> UInt64 { directMapBase.rawValue &+ address.rawValue }

  /// The physical address behind a direct-map value, `nil` unless the kernel maps it so.
  func physical(ofDirectMap value: UInt64) -> HPA? {
    let physical = HPA(rawValue: value &- directMapBase.rawValue)
    return translate(VirtualAddress(rawValue: value)) == physical ? physical : nil
  }

  /// Whether an address lies in the mapping of the kernel image or the modules: the top 2 GiB.
  /// Source: Documentation/arch/x86/x86_64/mm.rst.
  static func isImageOrModule(_ address: VirtualAddress) -> Bool { address.rawValue >= VirtualAddress.kernelTextBase }

  /// Compares the kernel half of the table that a process's CR3 names with the kernel's own. Only the frames count:
  /// accessed and dirty bits move, a process may lack entries that others brought in later, and the LDT slot of
  /// page-table isolation is one that the kernel's own table does not have.
  func kernelHalf(ofCR3 value: UInt64) -> KernelHalf {
    guard let page = memory.page((value & frameMask) >> 12).page else { return .unreadable }
    for index in 256..<512 {
      let mine = rootPage.entry(index)
      let other = page.entry(index)
      guard mine & other & 1 == 1 else { continue }
      if (mine ^ other) & frameMask != 0 { return .differs(entry: index) }
    }
    for index in [511, directMapEntry] where rootPage.entry(index) & page.entry(index) & 1 == 0 {
      return .missing(entry: index)
    }
    return .same
  }

  /// Number of the top-level entry that the direct map begins in.
  private var directMapEntry: Int { Int(directMapBase.rawValue >> (levels == 5 ? 48 : 39) & 0x1ff) }
}

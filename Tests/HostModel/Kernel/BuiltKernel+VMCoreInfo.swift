extension BuiltKernel {
  /// VMCOREINFO as the kernel prints it: the keys that readers ask for. Source: kernel/vmcore_info.c;
  /// Documentation/elf.md §4.4.
  public var vmcoreInfo: String {
    func hex(_ value: UInt64) -> String { String(value, radix: 16) }
    func digits(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    let swapper = hex(stext + Place.swapper)
    return """
      OSRELEASE=\(description.release)
      \(description.hasBuildIDKey ? "BUILD-ID=\(buildID().map(digits).joined())\n" : "")PAGESIZE=4096
      SYMBOL(init_uts_ns)=\(hex(stext + Place.utsNamespace))
      OFFSET(uts_namespace.name)=0
      SYMBOL(node_online_map)=\(hex(stext + Place.nodeOnlineMap))
      SYMBOL(swapper_pg_dir)=\(swapper)
      SYMBOL(_stext)=\(hex(stext))
      SYMBOL(mem_section)=\(hex(memorySections))
      LENGTH(mem_section)=\(sectionRoots)
      SIZE(mem_section)=16
      OFFSET(mem_section.section_mem_map)=0
      NUMBER(SECTION_SIZE_BITS)=\(BuiltKernel.sectionBits)
      NUMBER(MAX_PHYSMEM_BITS)=\(physicalBits)
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
      NUMBER(pgtable_l5_enabled)=\(description.isLA57 ? 1 : 0)
      KERNELOFFSET=\(hex(offset))
      NUMBER(KERNEL_IMAGE_SIZE)=1073741824
      NUMBER(sme_mask)=\(description.encryptionBit)

      """ + symbolKeys + (description.log?.keys(symbol: stext + Place.log) ?? "")
  }
}

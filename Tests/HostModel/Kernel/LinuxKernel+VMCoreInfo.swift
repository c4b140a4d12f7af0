extension LinuxKernel {
  /// VMCOREINFO as the kernel prints it: the keys that readers ask for. Source: kernel/vmcore_info.c;
  /// formats/elf.md §4.4.
  public var vmcoreInfo: String {
    func hex(_ value: UInt64) -> String { String(value, radix: 16) }
    let swapper = hex(stext + Place.swapper)
    let isLA57 = description.isLA57
    return """
      OSRELEASE=\(description.release)
      BUILD-ID=\(hex(SplitMix64.mix(offset)))\(hex(SplitMix64.mix(image)))
      PAGESIZE=4096
      SYMBOL(init_uts_ns)=\(hex(stext + Place.utsNamespace))
      OFFSET(uts_namespace.name)=0
      SYMBOL(node_online_map)=\(hex(stext + Place.nodeOnlineMap))
      SYMBOL(swapper_pg_dir)=\(swapper)
      SYMBOL(_stext)=\(hex(stext))
      SYMBOL(mem_section)=\(hex(memorySections))
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

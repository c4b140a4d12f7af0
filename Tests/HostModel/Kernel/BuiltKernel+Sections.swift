extension BuiltKernel {
  /// `mem_section.section_mem_map` of a section that is there: the array of `struct page` with the four flags.
  public static let section: UInt64 = 0xffff_ea00_0000_000f
  /// Bits of an address within a section: 128 MiB.
  static let sectionBits: UInt64 = 27
  /// Bits of a physical address. Source: arch/x86/include/asm/sparsemem.h.
  var physicalBits: UInt64 { description.isLA57 ? 52 : 46 }
  /// Roots of SPARSEMEM_EXTREME, each a page of 256 `struct mem_section` of 16 bytes.
  var sectionRoots: UInt64 { 1 << (physicalBits - BuiltKernel.sectionBits - 8) }

  /// The sections that hold RAM: all name the one array of `struct page`, which is not in the dump.
  /// Source: include/linux/mmzone.h.
  /// - Returns: the physical address of the array of roots.
  func writeSections<Space: FrameSpace>(in space: inout Space) throws(Space.Failure) -> UInt64 {
    let pages = sectionRoots / 512
    let roots = try space.allocate(pages)
    for page in 0..<pages { space.memory.setWords(SparseMemory.zero, frame: roots + page) }
    let perSection: UInt64 = 1 << (BuiltKernel.sectionBits - 12)
    for run in space.ram {
      for section in run.lowerBound / perSection..<(run.upperBound + perSection - 1) / perSection {
        let place = roots << 12 + section / 256 * 8
        if space.memory.load(place) == 0 {
          let root = try space.allocate()
          space.memory.setWords(SparseMemory.zero, frame: root)
          space.memory.store(virtual(root << 12), at: place)
        }
        space.memory.store(BuiltKernel.section, at: space.memory.load(place) - directMap + section % 256 * 16)
      }
    }
    return roots << 12
  }
}

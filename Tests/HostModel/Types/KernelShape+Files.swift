/// Where a process' mappings and the pages of files stand.
extension KernelShape {
  /// How the pages of a file are kept.
  enum PageCacheForm: Sendable {
    /// A radix tree, each page by its own `struct page`: up to 4.19.
    case radixTree
    /// An xarray with the first page of a large one in each of its places: up to 5.16.
    case repeatedHeads
    /// An xarray with one entry for a large folio.
    case multiIndex
  }

  var pageCacheForm: PageCacheForm {
    switch name {
    case "4.18": .radixTree
    case "5.10", "5.14": .repeatedHeads
    default: .multiIndex
    }
  }

  /// A file in hugetlbfs counts in huge pages, as before 6.7.
  public var countsHugePages: Bool { !hasOffsetsLast }

  /// The function that made such a count one of base pages. Source: mm/hugetlb.c; its name changed with 5.13.
  var hugePageFunctions: [String] {
    guard countsHugePages else { return [] }
    return [hasModuleTypes ? "hugetlb_basepage_index" : "__basepage_index"]
  }

  // struct vm_area_struct
  static let areaSize: UInt64 = 256
  static let areaStart: UInt64 = 0
  static let areaEnd: UInt64 = 8
  static let areaNode: UInt64 = 32
  var areaFlags: UInt64 { isMaple ? 32 : 80 }
  var areaPage: UInt64 { isMaple ? 104 : 152 }
  var areaFile: UInt64 { areaPage + 8 }
  // struct file, struct inode, struct address_space
  var fileMapping: UInt64 { operations < 40 ? 24 : 216 }
  static let inodeFlags: UInt64 = 12
  static let inodeSuper: UInt64 = 40
  static let inodeMapping: UInt64 = 48
  static let spacePages: UInt64 = 8
  static let spaceHead: UInt64 = 16
  static let spaceOperations: UInt64 = 104
  // struct super_block, struct hugetlbfs_sb_info, struct hstate
  static let superInfo: UInt64 = 896
  static let infoState: UInt64 = 24
  var stateOrder: UInt64 { hasModuleTypes ? 40 : 8 }
  /// Of `struct page`, bytes.
  static let pageSize: UInt64 = 64

  /// Source: include/linux/mm_types.h, fs.h, hugetlb.h, radix-tree.h.
  var filePages: [KernelStructure] {
    let flags = KernelType.typedef("vm_flags_t", .ulong)
    let bounds: [(String, UInt64, KernelType)] = [
      ("vm_start", KernelShape.areaStart, .ulong), ("vm_end", KernelShape.areaEnd, .ulong),
    ]
    // Since 6.3 the flags stand in a union, and with locks for each area the bounds as well.
    let isNew = operations < 40
    let first: [(String, UInt64, KernelType)] =
      isNew ? [("", 0, .anonymous(KernelStructure("", size: 16, bounds)))] : bounds
    let union = KernelStructure("", size: 8, [("vm_flags", 0, .const(flags)), ("__vm_flags", 0, flags)], isUnion: true)
    let word: (String, UInt64, KernelType) =
      isNew ? ("", areaFlags, .anonymous(union)) : ("vm_flags", areaFlags, .ulong)
    let node: [(String, UInt64, KernelType)] = isMaple ? [] : [("vm_rb", KernelShape.areaNode, .structure("rb_node"))]
    let area = KernelStructure(
      "vm_area_struct", size: KernelShape.areaSize,
      first + [word] + node + [("vm_pgoff", areaPage, .ulong), ("vm_file", areaFile, .pointer(to: "file"))])
    let isRadix = pageCacheForm == .radixTree
    let root = isRadix ? KernelType.structure("radix_tree_root") : .structure("xarray")
    return [area] + (isRadix ? KernelShape.radixTree : []) + [
      KernelStructure(
        "address_space", size: 200,
        [
          ("host", 0, .pointer(to: "inode")), ("i_pages", KernelShape.spacePages, root),
          ("a_ops", KernelShape.spaceOperations, .pointer(.const(.structure("address_space_operations")))),
        ]),
      KernelStructure("super_block", size: 1024, [("s_fs_info", KernelShape.superInfo, .voidPointer)]),
      KernelStructure(
        "hugetlbfs_sb_info", size: 64, [("hstate", KernelShape.infoState, .pointer(to: "hstate"))]),
      KernelStructure("hstate", size: 512, [("order", stateOrder, .uint)]),
    ] + pageStructures
  }

  private static let radixTree = [
    KernelStructure(
      "radix_tree_root", size: 16,
      [("gfp_mask", 4, .typedef("gfp_t", .uint)), ("rnode", 8, .pointer(to: "radix_tree_node"))]),
    KernelStructure(
      "radix_tree_node", size: 576,
      [
        ("shift", 0, .u8), ("offset", 1, .u8), ("count", 2, .u8), ("exceptional", 3, .u8),
        ("parent", 8, .pointer(to: "radix_tree_node")), ("root", 16, .pointer(to: "radix_tree_root")),
        ("slots", 40, .array(.voidPointer, 64)),
      ]),
  ]
}

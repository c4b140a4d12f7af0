/// Where a kernel keeps what it swaps: the swap cache, zswap and zswap's allocators.
extension KernelShape {
  /// How zswap finds a page.
  public enum SwapForm: Sendable {
    /// An rb-tree for each area, by offset; up to 6.7.
    case redBlack
    /// An xarray for each 2^14 pages of an area.
    case xarray
    /// The same, and the swap cache is a table for each cluster.
    case clusters
  }

  public var swapForm: SwapForm {
    switch name {
    case "4.18", "5.10", "5.14", "6.1": .redBlack
    case "6.12": .xarray
    default: .clusters
    }
  }

  /// A `swp_entry_t`.
  public func swapEntry(type: UInt64, offset: UInt64) -> UInt64 {
    type << (pageCacheForm == .radixTree ? 57 : 58) | offset
  }

  /// Index of a page in the swap cache's tree of its part: since 6.11 from the start of the part.
  func swapCacheIndex(_ offset: UInt64) -> UInt64 { swapForm == .redBlack ? offset : offset & 0x3fff }

  /// Bits of `page.flags`. Source: `enum pageflags` of 5.10, 6.1 and 7.3.
  var upToDateBit: UInt64 { name == "7.3" || name == "6.12" || name == "4.18" ? 3 : 2 }
  var headBit: UInt64 { name == "7.3" || name == "6.12" ? 6 : name == "4.18" ? 15 : 16 }
  var swapCacheBit: UInt64 { name == "4.18" ? 9 : 10 }

  var pageFlags: KernelType {
    let bits = [
      ("PG_locked", 0), ("PG_uptodate", upToDateBit), ("PG_head", headBit), ("PG_owner_priv_1", swapCacheBit),
      ("PG_swapcache", swapCacheBit),
    ]
    return .enumeration("pageflags", bits.map { KernelEnumerator(name: $0, value: UInt32($1)) })
  }

  // struct page; since 6.14 that of zsmalloc is a struct zpdesc.
  static let pageCompoundHead: UInt64 = 8
  static let pageIndex: UInt64 = 32
  static let pagePrivate: UInt64 = 40
  /// Of the second `struct page` of a large one, where its order stands.
  var orderPlace: UInt64 { name == "7.3" || name == "6.12" ? 0 : 17 }

  /// Source: include/linux/mm_types.h.
  var pageStructures: [KernelStructure] {
    let ofPage: [(String, UInt64, KernelType)] =
      [
        ("flags", 0, .ulong), ("compound_head", KernelShape.pageCompoundHead, .ulong),
        ("index", KernelShape.pageIndex, .ulong), ("private", KernelShape.pagePrivate, .ulong),
      ] + (orderPlace == 0 ? [] : [("compound_order", orderPlace, .u8)])
    let page = KernelStructure("page", size: KernelShape.pageSize, ofPage)
    let folio = KernelStructure("folio", size: 128, [("flags", 0, .ulong), ("_flags_1", 64, .ulong)])
    return orderPlace == 0 ? [page, folio] : [page]
  }

  // struct zswap_tree, zswap_entry, zswap_pool, zpool
  static let entrySize: UInt64 = 64
  var entryLength: UInt64 { swapForm == .redBlack ? 36 : 8 }
  var entryPool: UInt64 { swapForm == .redBlack ? 40 : 16 }
  var entryHandle: UInt64 { entryPool + 8 }
  /// The offset or all of the entry.
  var entryNumber: UInt64 { swapForm == .redBlack ? 24 : 0 }
  public var fillsWithWords: Bool { swapForm == .redBlack }
  var poolName: UInt64 { swapForm == .clusters ? 96 : 280 }
  static let zpoolPool: UInt64 = 8
  static let zpoolEvictable: UInt64 = 24
  static let driverShrink: UInt64 = 80
  /// What a zpool can write to swap has its entry in front. By a word of its own up to 6.0.
  var hasEvictableWord: Bool { swapForm == .redBlack && name != "6.1" }

  // struct zs_pool, size_class, zspage
  static let classPlace: UInt64 = 8
  static let classCount: UInt64 = 255
  static let classSize: UInt64 = 200
  static let zspageFirst: UInt64 = 16
  static let zspagePool: UInt64 = 40
  /// The bits of a zspage's class and magic number.
  var zspageBits: (classes: UInt32, magic: UInt32) {
    switch name {
    case "4.18", "5.10", "5.14": (2, 14)
    case "6.1", "6.12": (3, 15)
    default: (5, 14)
    }
  }
  var zspageHasPool: Bool { swapForm != .redBlack || name == "6.1" }
  /// Bit 0 of an object's place is a tag.
  var placeHasTag: Bool { swapForm == .redBlack }

  /// Source: mm/zswap.c, zpool.c, zsmalloc.c, zpdesc.h, zbud.c, swap.h, swap_table.h; include/linux/swap.h.
  var swapping: [KernelStructure] {
    let entry = KernelType.typedef("swp_entry_t", .anonymous(KernelStructure("", size: 8, [("val", 0, .ulong)])))
    return zswapStructures(entry) + allocatorStructures + cacheStructures
  }

  private func zswapStructures(_ entry: KernelType) -> [KernelStructure] {
    let pool: (String, UInt64, KernelType) = ("pool", entryPool, .pointer(to: "zswap_pool"))
    let handle = KernelStructure(
      "", size: 8, [("handle", 0, .ulong)] + (fillsWithWords ? [("value", 0, .ulong)] : []), isUnion: true)
    let rest: [(String, UInt64, KernelType)] = [
      ("length", entryLength, .uint), pool, ("", entryHandle, .anonymous(handle)),
    ]
    let zpool = KernelType.pointer(to: "zpool")
    switch swapForm {
    case .redBlack:
      return [
        KernelStructure("zswap_tree", size: 16, [("rbroot", 0, .structure("rb_root")), ("lock", 8, .uint)]),
        KernelStructure(
          "zswap_entry", size: KernelShape.entrySize,
          [("rbnode", 0, .structure("rb_node")), ("offset", entryNumber, .ulong)] + rest),
        KernelStructure("zswap_header", size: 8, [("swpentry", 0, entry)]),
        KernelStructure("zswap_pool", size: 408, [("zpool", 0, zpool), ("tfm_name", poolName, .array(.char, 128))]),
      ]
    case .xarray:
      return [
        KernelStructure("zswap_entry", size: KernelShape.entrySize, [("swpentry", 0, entry)] + rest),
        KernelStructure(
          "zswap_pool", size: 408, [("zpools", 0, .array(zpool, 32)), ("tfm_name", poolName, .array(.char, 128))]),
      ]
    case .clusters:
      return [
        KernelStructure("zswap_entry", size: KernelShape.entrySize, [("swpentry", 0, entry)] + rest),
        KernelStructure(
          "zswap_pool", size: 224,
          [("zs_pool", 0, .pointer(to: "zs_pool")), ("tfm_name", poolName, .array(.char, 128))]),
      ]
    }
  }

  private var allocatorStructures: [KernelStructure] {
    let isNew = swapForm == .clusters
    let bits = zspageBits
    var zspage: [KernelMember] = [
      KernelMember("class", UInt64(bits.classes / 8), .uint, bits: 9, at: bits.classes % 8),
      KernelMember("magic", UInt64(bits.magic / 8), .uint, bits: 8, at: bits.magic % 8),
      KernelMember("inuse", 4, .uint),
      KernelMember(
        isNew ? "first_zpdesc" : "first_page", KernelShape.zspageFirst, .pointer(to: isNew ? "zpdesc" : "page")),
    ]
    if zspageHasPool { zspage.append(KernelMember("pool", KernelShape.zspagePool, .pointer(to: "zs_pool"))) }
    var all = [
      KernelStructure("zspage", size: 56, members: zspage),
      KernelStructure(
        "zs_pool", size: 2120,
        [
          ("name", 0, .pointer(.char)),
          (
            "size_class", KernelShape.classPlace,
            .array(.pointer(to: "size_class"), UInt32(KernelShape.classCount))
          ),
        ]),
      KernelStructure(
        "size_class", size: 328,
        [
          ("size", KernelShape.classSize, .sint), ("objs_per_zspage", KernelShape.classSize + 4, .sint),
          ("pages_per_zspage", KernelShape.classSize + 8, .sint), ("index", KernelShape.classSize + 12, .uint),
        ]),
    ]
    if isNew {
      let link = KernelStructure(
        "", size: 8, [("next", 0, .pointer(to: "zpdesc")), ("handle", 0, .ulong)], isUnion: true)
      all.append(
        KernelStructure(
          "zpdesc", size: 56,
          [
            ("flags", 0, .ulong), ("", KernelShape.pageIndex, .anonymous(link)),
            ("zspage", KernelShape.pagePrivate, .pointer(to: "zspage")),
          ]))
      return all
    }
    let evictable: [(String, UInt64, KernelType)] =
      hasEvictableWord ? [("evictable", KernelShape.zpoolEvictable, .bool)] : []
    return all + [
      KernelStructure(
        "zpool", size: 48,
        [("driver", 0, .pointer(to: "zpool_driver")), ("pool", KernelShape.zpoolPool, .voidPointer)] + evictable),
      KernelStructure(
        "zpool_driver", size: 128, [("type", 0, .pointer(.char)), ("shrink", KernelShape.driverShrink, .voidPointer)]),
      KernelStructure(
        "zbud_header", size: 48, [("buddy", 0, .list), ("first_chunks", 32, .uint), ("last_chunks", 36, .uint)]),
    ]
  }

  /// Of a `swap_info_struct`, where it has a bitmap of zeros.
  static let areaZeros: UInt64 = 80

  private var cacheStructures: [KernelStructure] {
    if swapForm == .xarray {
      return [
        KernelStructure(
          "swap_info_struct", size: 664, [("max", 76, .uint), ("zeromap", KernelShape.areaZeros, .pointer(.ulong))])
      ]
    }
    guard swapForm == .clusters else { return [] }
    let word = KernelType.typedef("atomic_long_t", .anonymous(KernelStructure("", size: 8, [("counter", 0, .ulong)])))
    return [
      KernelStructure(
        "swap_info_struct", size: 664, [("max", 76, .uint), ("cluster_info", 80, .pointer(to: "swap_cluster_info"))]),
      KernelStructure("swap_cluster_info", size: 48, [("count", 4, .u16), ("table", 8, .pointer(word))]),
      KernelStructure("swap_table", size: 4096, [("entries", 0, .array(word, 512))]),
    ]
  }
}

extension KernelShape {
  /// Names of the image's data that has to do with swap, and where it stands.
  var swapSymbols: [(String, UInt64)] {
    typealias Place = BuiltKernel.DataPlace
    let own: [(String, UInt64)]
    switch swapForm {
    case .redBlack: own = []
    case .xarray: own = [("nr_zswap_trees", Place.zswapTreeCounts), ("swap_info", Place.swapAreas)]
    case .clusters:
      own = [("nr_zswap_trees", Place.zswapTreeCounts), ("zswap_stored_incompressible_pages", Place.rawPages)]
    }
    let cache =
      swapForm == .clusters
      ? [("swap_info", Place.swapSpaces)]
      : [("swapper_spaces", Place.swapSpaces), ("nr_swapper_spaces", Place.swapSpaceCounts)]
    return [("zswap_trees", Place.zswapTrees), ("shmem_aops", Place.sharedOperations)] + own + cache
  }
}

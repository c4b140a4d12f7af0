/// Pages that have a place in swap and are in memory all the same: about to be written there, or read back.
///
/// Each proves itself by what its folio says: the entry that it stands for, and that its bytes are there.
/// Source: mm/swap.h, mm/swap_state.c: up to 6.17 `swapper_spaces`, trees like those of files; since 6.18 tables of
/// clusters, mm/swap_table.h. Documentation/kvm.md §9.
struct SwapCache: Sendable {
  private enum Places: Sendable {
    /// `swapper_spaces`, and of an `address_space` its size, its tree and that tree's head, bytes.
    case spaces(VirtualAddress, counts: VirtualAddress?, size: UInt64, tree: UInt64, head: UInt64)
    /// `swap_info`; of a `swap_info_struct` its clusters, how many pages it has; of a cluster its size and its table.
    case clusters(VirtualAddress, clusters: UInt64, pages: ResolvedPath, size: UInt64, table: UInt64)
  }

  private let reader: KernelReader
  private let structs: PageStructs
  private let states: PageStates
  private let form: SwapEntry.Form
  private let places: Places
  /// Of a `struct page`: the swap entry.
  private let entry: UInt64

  /// Pages of one `address_space`. Source: SWAP_ADDRESS_SPACE_SHIFT.
  private static let spacePages: UInt64 = 1 << 14
  /// Pages of a cluster. Source: SWAPFILE_CLUSTER with CONFIG_THP_SWAP, and the size of `swap_table.entries`.
  private static let clusterPages: UInt64 = 512
  /// Pages of the largest folio.
  private static let folioPages: UInt64 = 512

  static let symbols: Set<String> = ["swapper_spaces", "nr_swapper_spaces", "swap_info"]

  init?(_ kernel: DescribedKernel, _ structs: PageStructs, _ states: PageStates, _ form: SwapEntry.Form) {
    let types = kernel.types
    guard let entry = try? types.offset("page.private", below: 4096) else { return nil }
    reader = kernel.reader
    self.structs = structs
    self.states = states
    self.form = form
    self.entry = entry
    if let spaces = try? kernel.symbol("swapper_spaces"), let size = try? types.size(of: "address_space"),
      let tree = try? types.offset("address_space.i_pages", below: 4096),
      let head = try? types.offset(
        form == .xarray ? "address_space.i_pages.xa_head" : "address_space.i_pages.rnode", below: 4096)
    {
      places = .spaces(
        spaces, counts: try? kernel.symbol("nr_swapper_spaces"), size: UInt64(size), tree: tree, head: head)
    } else if let areas = try? kernel.symbol("swap_info"),
      let clusters = try? types.offset("swap_info_struct.cluster_info", below: 1 << 16),
      let pages = try? types.path("swap_info_struct.max"), let size = try? types.size(of: "swap_cluster_info"),
      let table = try? types.offset("swap_cluster_info.table", below: 4096),
      (try? types.member("swap_table.entries").count) == Int(Self.clusterPages)
    {
      places = .clusters(areas, clusters: clusters, pages: pages, size: UInt64(size), table: table)
    } else {
      return nil
    }
  }

  /// The frame that has the page of an entry; `nil`: none, or not its bytes yet.
  func frame(of wanted: SwapEntry) -> UInt64? {
    switch places {
    case .spaces(let spaces, let counts, let size, let tree, let head):
      let part = wanted.offset / Self.spacePages
      if let counts {
        guard let count = word(counts &+ 4 &* UInt64(wanted.type), size: 4), part < count else { return nil }
      }
      guard let base = pointer(spaces &+ 8 &* UInt64(wanted.type)) else { return nil }
      let space = base &+ part &* size
      // Since 6.11 an index counts from the start of the part.
      for index in Set([wanted.offset, wanted.offset % Self.spacePages]).sorted() {
        if let frame = frame(of: wanted, at: index, in: space &+ tree, head: space &+ head) { return frame }
      }
      return nil
    case .clusters:
      guard let value = clusterWord(of: wanted) else { return nil }
      // A folio's address, since 7.0 its frame number above the mark 10 and below a count of uses.
      // Source: mm/swap_table.h, swp_tb_is_folio, SWP_TB_PFN_MARK.
      let page =
        value & 7 == 0
        ? VirtualAddress(rawValue: value) : value & 3 == 2 ? structs.page(of: value >> 2 & (1 << 40 - 1)) : nil
      return page.flatMap { frame(of: wanted, in: $0) }
    }
  }

  var hasClusters: Bool { if case .clusters = places { true } else { false } }

  /// The word of an entry in the table of its cluster.
  func clusterWord(of wanted: SwapEntry) -> UInt64? {
    guard case .clusters(let areas, let clusters, let pages, let size, let table) = places,
      let area = pointer(areas &+ 8 &* UInt64(wanted.type)), let count = try? reader.value(pages, at: area),
      wanted.offset < count, let base = pointer(area &+ clusters),
      let entries = pointer(base &+ wanted.offset / Self.clusterPages &* size &+ table)
    else { return nil }
    return word(entries &+ 8 &* (wanted.offset % Self.clusterPages))
  }

  private func frame(
    of wanted: SwapEntry, at index: UInt64, in tree: VirtualAddress, head: VirtualAddress
  ) -> UInt64? {
    guard let head = word(head), head != 0 else { return nil }
    let array = KernelXArray(
      tree, head: head, kernel: reader.kernel, indexes: index...index, limit: 16,
      form: form == .xarray ? .xarray : .radixTree)
    for found in array.entries {
      guard found.index <= index, index - found.index < found.count, case .pointer(let page) = found.value else {
        continue
      }
      return frame(of: wanted, in: page)
    }
    return nil
  }

  /// The frame of an entry in the folio that begins with a page, or of the page itself.
  private func frame(of wanted: SwapEntry, in page: VirtualAddress) -> UInt64? {
    guard let first = structs.frame(of: page), let own = word(page &+ entry), let start = SwapEntry(own, form),
      start.type == wanted.type, wanted.offset >= start.offset, states.isInSwapCache(page)
    else { return nil }
    let distance = wanted.offset - start.offset
    guard distance < Self.folioPages else { return nil }
    if distance > 0 {
      guard let pages = states.pages(ofFolio: page), distance < pages else { return nil }
    }
    return first &+ distance
  }

  private func word(_ place: VirtualAddress, size: Int = 8) -> UInt64? {
    try? reader.kernel.integer(place, size: size)
  }

  private func pointer(_ place: VirtualAddress) -> VirtualAddress? {
    word(place).flatMap { reader.kernel.isPointer($0) ? VirtualAddress(rawValue: $0) : nil }
  }
}

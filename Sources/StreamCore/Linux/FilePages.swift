/// The pages of files that a kernel has in memory: `address_space.i_pages`, an xarray or a radix tree of `struct page` or
/// `struct folio`, which are one; and in their place, of shared memory that was swapped out, swap entries.
///
/// Source: include/linux/fs.h, pagemap.h; mm/shmem.c; fs/dax.c, dax_to_pfn; Documentation/kvm.md §9.
struct FilePages: Sendable {
  private let reader: KernelReader
  private let mapping: ResolvedPath
  private let flags: ResolvedPath
  private let pages: UInt64
  private let head: UInt64
  private let form: KernelXArray.Form
  private let structs: PageStructs
  /// `nil`: the types do not tell, so that of no page it is known whose its bytes are. It takes a look at all types, and
  /// most guests have no page that only a file has.
  private let states: Once<PageStates?>
  private let swapped: SwappedPages?
  /// `address_space.a_ops`, and what it is of shared memory. Only there a value stands for a swapped page: elsewhere it
  /// says when a page was there.
  private let operations: (place: ResolvedPath, shared: VirtualAddress)?
  /// Of a file in hugetlbfs: `hstate.order`. `nil`: its pages are not read.
  private let hugeOrder: ResolvedPath?
  /// Files in hugetlbfs count in huge pages, as before 6.7.
  private let countsHugePages: Bool

  /// Source: include/linux/fs.h, S_DAX.
  private static let dax: UInt64 = 1 << 13
  /// Entries that are read at once at most.
  private static let limit = 1 << 16
  /// Pages of the largest large folio: where one begins that has the same entry for each of its pages, as before 5.17.
  private static let folioPages: UInt64 = 512

  /// Functions that make an index of huge pages one of base pages: where indexes count huge pages. The name changed with
  /// 5.13. Source: mm/hugetlb.c.
  private static let countingFunctions: Set<String> = ["hugetlb_basepage_index", "__basepage_index"]
  /// Names of symbols that are asked for here.
  static let symbols: Set<String> = countingFunctions.union(PageStructs.symbols).union([sharedOperations])
  private static let sharedOperations = "shmem_aops"
  /// Where its types are found without a search.
  static let leads: [String: [String]] = [
    "address_space": ["file.f_mapping"], "inode": ["address_space.host"], "super_block": ["inode.i_sb"],
    "page": ["address_space.i_private_page", "vm_fault.page", "pipe_buffer.page"],
  ]

  init?(_ kernel: DescribedKernel, _ swapped: SwappedPages? = nil) {
    let types = kernel.types
    guard let mapping = try? types.path("file.f_mapping"),
      let flags = try? types.path("address_space.host->i_flags"),
      let pages = try? types.member("address_space.i_pages").offset,
      let (head, form) = Self.head(types),
      let structs = PageStructs(kernel)
    else { return nil }
    reader = kernel.reader
    self.mapping = mapping
    self.flags = flags
    self.pages = UInt64(pages)
    self.head = UInt64(head)
    self.form = form
    self.structs = structs
    states = Once { PageStates(kernel, structs) }
    self.swapped = swapped
    if let place = try? types.path("address_space.a_ops"), let shared = try? kernel.symbol(Self.sharedOperations) {
      operations = (place, shared)
    } else {
      operations = nil
    }
    hugeOrder = try? types.path("hugetlbfs_sb_info.hstate->order")
    countsHugePages = Self.countingFunctions.contains { (try? kernel.symbol($0)) != nil }
  }

  /// The tree's head, and what tree it is: an xarray since 4.20.
  private static func head(_ types: KernelTypes) -> (Int, KernelXArray.Form)? {
    if let head = try? types.member("address_space.i_pages.xa_head").offset { return (head, .xarray) }
    return (try? types.member("address_space.i_pages.rnode").offset).map { ($0, .radixTree) }
  }

  /// What the cache has of a part of a mapping: ascending; pages that it lacks are left out, and those unknown of which it
  /// cannot be told.
  func runs(_ part: Range<UInt64>, of mapping: FileMappings.Mapping) -> [ProcessPages.Run] {
    // What a device maps is in its page tables alone.
    guard let file = mapping.file, !mapping.isDevice else { return [] }
    guard let space = try? reader.pointer(self.mapping, at: file),
      let head = reader.kernel.u64((space &+ self.head).rawValue),
      let flags = try? reader.value(flags, at: space), let unit = mapping.isHuge ? hugePages(of: file) : 1
    else { return [.unread(part)] }
    let offset = mapping.fileOffset &- mapping.pages.lowerBound
    let wanted = (part.lowerBound &+ offset) / unit...(part.upperBound &- 1 &+ offset) / unit
    let first = wanted.lowerBound & ~(Self.folioPages - 1)
    let array = KernelXArray(
      space &+ pages, head: head, kernel: reader.kernel, indexes: first...wanted.upperBound, limit: Self.limit,
      form: form)
    let isDAX = flags & Self.dax != 0
    let isShared = operations.map { (try? reader.pointer($0.place, at: space)) == $0.shared } ?? false
    var runs: [ProcessPages.Run] = []
    var same: (entry: KernelXArray.Value, index: UInt64)?
    for entry in array.entries {
      // Before 5.17 each page of a large one has the head's entry; hugetlbfs of today has it once, with siblings.
      if same?.entry != entry.value { same = (entry.value, entry.index) }
      let start = same?.index ?? entry.index
      let into = (entry.index - start) &* unit
      guard let content = content(entry.value, isDAX: isDAX, isShared: isShared, into: into) else { continue }
      let run = ProcessPages.Run(
        page: entry.index &* unit &- offset, count: entry.count &* unit, content: content, isCached: true)
      if let run = run.clipped(to: part) { runs.append(run) }
    }
    return array.gaps.isEmpty ? runs : runs.filling(part, .unknown)
  }

  /// - Parameter into: frames from the first that the entry names.
  private func content(_ value: KernelXArray.Value, isDAX: Bool, isShared: Bool, into: UInt64) -> ProcessPages.Run
    .Content?
  {
    switch value {
    case .pointer(let page):
      guard let frame = structs.frame(of: page).map({ $0 &+ into }) else { return nil }
      guard frame < 1 << 40 else { return nil }
      // One that nobody has read or cleared yet has the bytes of whoever had its frame before.
      return states.value?.isUpToDate(page).map { $0 ? .frames(frame) : nil } ?? .unknown
    // Of DAX: the frame above four bits of flags; an empty entry has 0.
    case .value(let value) where isDAX:
      let frame = value >> 4
      return frame == 0 || frame >= 1 << 40 ? nil : .frames(frame &+ into)
    case .value(let value): return isShared ? swapped?.content(ofEntry: value) ?? .absent(.swapped) : .absent(.swapped)
    }
  }

  /// 4 KiB pages of the index of a file in hugetlbfs: 1, or those of its huge pages.
  private func hugePages(of file: VirtualAddress) -> UInt64? {
    guard countsHugePages else { return 1 }
    guard let hugeOrder, let path = try? reader.types.path("file.f_inode->i_sb->s_fs_info"),
      let info = try? reader.pointer(path, at: file), let order = try? reader.value(hugeOrder, at: info), order <= 18
    else { return nil }
    return 1 << order
  }
}

extension ProcessPages.Run {
  /// The part of it in a range of pages; `nil` when there is none.
  func clipped(to pages: Range<UInt64>) -> Self? {
    let start = max(page, pages.lowerBound)
    let end = min(end, pages.upperBound)
    guard start < end else { return nil }
    var part = self
    part.page = start
    part.count = end - start
    if case .frames(let frame) = content { part.content = .frames(frame &+ (start - page)) }
    return part
  }
}

/// Pages that were all zeros when they were swapped out: nothing is kept of them but a bit. Since 6.12.
///
/// Source: mm/page_io.c, swap_zeromap_folio_set, swap_read_folio: they come before zswap; include/linux/swap.h,
/// `swap_info_struct.zeromap`, a bitmap of the area; later a bit of the entry's word in its cluster's table,
/// mm/swap_table.h, SWP_TB_ZERO_FLAG. Documentation/kvm.md §9.
struct SwapZeros: Sendable {
  private enum Form: Sendable {
    /// `swap_info`; of a `swap_info_struct` its bitmap and how many pages it has.
    case bitmap(VirtualAddress, bitmap: ResolvedPath, pages: ResolvedPath)
    case words(SwapCache)
  }

  /// The kernel's zero page, which stands for them.
  let frame: UInt64
  private let reader: KernelReader
  private let form: Form

  /// Of a word: the bit, and where the count of its uses begins.
  private static let zeroBit: UInt64 = 1 << 59
  private static let countShift: UInt64 = 60

  static let symbols: Set<String> = ["swap_info"]

  /// `nil`: the kernel keeps all pages, or its types do not tell.
  init?(_ kernel: DescribedKernel, _ cache: SwapCache?) {
    guard let frame = kernel.zeroFrame else { return nil }
    self.frame = frame
    reader = kernel.reader
    let types = kernel.types
    if types.has("swap_info_struct.zeromap") {
      guard let areas = try? kernel.symbol("swap_info"), let bitmap = try? types.path("swap_info_struct.zeromap"),
        let pages = try? types.path("swap_info_struct.max")
      else { return nil }
      form = .bitmap(areas, bitmap: bitmap, pages: pages)
    } else {
      guard let cache, cache.hasClusters, !types.has("swap_cluster_info.zero_bitmap") else { return nil }
      form = .words(cache)
    }
  }

  func contains(_ entry: SwapEntry) -> Bool {
    switch form {
    case .bitmap(let areas, let bitmap, let pages):
      guard let area = reader.kernel.u64((areas &+ 8 &* UInt64(entry.type)).rawValue), reader.kernel.isPointer(area),
        case let area = VirtualAddress(rawValue: area), let count = try? reader.value(pages, at: area),
        entry.offset < count, let bits = try? reader.pointer(bitmap, at: area), reader.kernel.isPointer(bits.rawValue),
        let word = reader.kernel.u64((bits &+ entry.offset / 64 &* 8).rawValue)
      else { return false }
      return word >> (entry.offset % 64) & 1 == 1
    case .words(let cache):
      // A page that is swapped out, or one in the swap cache; both in use.
      guard let word = cache.clusterWord(of: entry), word & 1 == 1 || word & 3 == 2, word >> Self.countShift > 0
      else { return false }
      return word & Self.zeroBit != 0
    }
  }
}

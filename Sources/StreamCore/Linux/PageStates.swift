/// What a `struct page` says of its page. What the kernel's types do not tell is not known.
///
/// Source: include/linux/page-flags.h, `enum pageflags`; include/linux/mm_types.h, `compound_head`, `folio`.
struct PageStates: Sendable {
  private let kernel: LinuxKernel
  private let structs: PageStructs
  /// Of a `struct page`, bytes.
  private let flags: UInt64
  /// Of one behind the first of a large page: where the first one's address stands, with bit 0 set. `nil`: such are
  /// never asked for.
  private let head: UInt64?
  private let upToDate: UInt64
  private let large: UInt64
  private let inSwapCache: UInt64?
  /// Of the second `struct page` of a large page: its order, and how many bytes that has.
  private let order: (place: UInt64, size: Int)?

  private static let names: Set<String> = ["PG_uptodate", "PG_head", "PG_swapcache"]

  init?(_ kernel: DescribedKernel, _ structs: PageStructs) {
    let types = kernel.types
    guard let flags = try? types.offset("page.flags", below: 4096),
      let bits = try? types.enumerators(Self.names), let upToDate = bits["PG_uptodate"], let large = bits["PG_head"],
      (0..<64).contains(upToDate), (0..<64).contains(large)
    else { return nil }
    self.kernel = kernel.kernel
    self.structs = structs
    self.flags = flags
    self.upToDate = 1 << UInt64(upToDate)
    self.large = 1 << UInt64(large)
    inSwapCache = bits["PG_swapcache"].flatMap { (0..<64).contains($0) ? 1 << UInt64($0) : nil }
    head = try? types.offset("page.compound_head", below: 4096)
    let size = (try? types.size(of: "page")).map(UInt64.init) ?? 64
    if let place = try? types.offset("page.compound_order", below: 4096) {
      order = (size &+ place, 1)
    } else if let place = try? types.offset("folio._flags_1", below: 4096) {
      order = (place, 1)
    } else {
      order = nil
    }
  }

  /// Whether the bytes of a page are its own: it was read, or cleared. Before that it has those of whoever had the frame
  /// before. `nil`: not known.
  func isUpToDate(_ page: VirtualAddress) -> Bool? { word(first(of: page)).map { $0 & upToDate != 0 } }

  /// Whether a page is in the swap cache, and its bytes are its own.
  func isInSwapCache(_ page: VirtualAddress) -> Bool {
    guard let inSwapCache, let word = word(first(of: page)) else { return false }
    return word & inSwapCache != 0 && word & upToDate != 0
  }

  /// Pages of the large page that begins there, 1 for a small one; `nil`: not known.
  func pages(ofFolio page: VirtualAddress) -> UInt64? {
    guard let word = word(page) else { return nil }
    guard word & large != 0 else { return 1 }
    guard let order, let value = try? kernel.integer(page &+ order.place, size: order.size), value <= 18 else {
      return nil
    }
    return 1 << value
  }

  private func first(of page: VirtualAddress) -> VirtualAddress {
    guard let head, let word = try? kernel.integer(page &+ head, size: 8), word & 1 == 1,
      structs.frame(of: VirtualAddress(rawValue: word - 1)) != nil
    else { return page }
    return VirtualAddress(rawValue: word - 1)
  }

  private func word(_ page: VirtualAddress) -> UInt64? { try? kernel.integer(page &+ flags, size: 8) }
}

/// The kernel's compressed cache of swapped pages: what it holds of a page and where.
///
/// Nothing is guessed: an entry must be the one of its place, its pool's allocator and codec must be known by name, and
/// the allocator's structures must lead from the handle to an object of the length and back to the handle.
/// Source: mm/zswap.c, mm/zpool.c; Documentation/kvm.md §9.
struct Zswap: Sendable {
  private let reader: KernelReader
  private let entryForm: SwapEntry.Form
  private let trees: ZswapTrees
  // zswap_entry
  private let length: ResolvedPath
  private let pool: ResolvedPath
  private let handle: ResolvedPath
  /// A page that is one word over and over has this word and no length, up to 6.12.
  private let value: ResolvedPath?
  private let codecName: ResolvedPath
  private let pools: Pools
  /// In front of what is compressed, where the allocator can be made to write pages to swap: the swap entry. Up to 6.4.
  private let header: (size: UInt64, isThere: ResolvedPath)?
  /// What is not smaller is kept as it is.
  private let keepsRaw: Bool
  private let zsmalloc: Result<Zsmalloc, TypeFault>
  private let zbud: Result<Zbud, TypeFault>

  /// How a `zswap_pool` names its allocator.
  private enum Pools: Sendable {
    /// zsmalloc alone, since 6.18.
    case zsmalloc(ResolvedPath)
    /// `zpool`, one or, from 6.6 to 6.10, several by a hash; of it its driver's name, and that driver's pool.
    case zpool(KernelMember, driver: ResolvedPath, pool: ResolvedPath)
  }

  static let symbols: Set<String> = ZswapTrees.symbols.union([rawSymbol])
  private static let rawSymbol = "zswap_stored_incompressible_pages"
  /// Modules that allocators can be.
  static let modules = ["zsmalloc", "zbud"]
  private static let allocatorLimit = 16
  /// Source: include/linux/hash.h, GOLDEN_RATIO_64.
  private static let hashFactor: UInt64 = 0x61c8_8646_80b5_83eb

  /// `nil`: the kernel has no zswap.
  /// - Parameter kernel: with the types of `modules`, where these are loaded.
  init?(_ kernel: DescribedKernel, _ structs: PageStructs, _ entryForm: SwapEntry.Form) throws(ZswapFault) {
    guard let trees = try ZswapTrees(kernel, entryForm) else { return nil }
    self.trees = trees
    self.entryForm = entryForm
    reader = kernel.reader
    let types = kernel.types
    do throws(TypeFault) {
      length = try types.path("zswap_entry.length")
      pool = try types.path("zswap_entry.pool")
      handle = try types.path("zswap_entry.handle")
      value = types.has("zswap_entry.value") ? try types.path("zswap_entry.value") : nil
      codecName = try types.path("zswap_pool.tfm_name")
      if types.has("zswap_pool.zs_pool") {
        pools = .zsmalloc(try types.path("zswap_pool.zs_pool"))
      } else {
        pools = .zpool(
          try types.member(types.has("zswap_pool.zpools") ? "zswap_pool.zpools" : "zswap_pool.zpool"),
          driver: try types.path("zpool.driver->type"), pool: try types.path("zpool.pool"))
      }
      if types.has("zswap_header.swpentry") {
        header = (
          UInt64(try types.size(of: "zswap_header")),
          try types.path(types.has("zpool.evictable") ? "zpool.evictable" : "zpool.driver->shrink")
        )
      } else {
        header = nil
      }
    } catch { throw .types(error) }
    keepsRaw = (try? kernel.symbol(Self.rawSymbol)) != nil
    zsmalloc = Result { () throws(TypeFault) in try Zsmalloc(kernel, structs) }
    zbud = Result { () throws(TypeFault) in try Zbud(kernel) }
  }

  /// What zswap holds for an entry; `nil`: nothing.
  func page(of wanted: SwapEntry) throws(ZswapFault) -> CompressedPage? {
    guard let entry = try trees.entry(of: wanted) else { return nil }
    let length = try read(length, entry, "a zswap_entry")
    if length == 0, let value {
      return CompressedPage(content: .filled(try read(value, entry, "a zswap_entry")))
    }
    guard (1...4096).contains(length) else { throw .damaged("a zswap_entry has a length of \(length)") }
    let pool = try pointer(pool, entry, "a zswap_entry")
    let handle = try pointer(handle, entry, "a zswap_entry")
    let name = try text(codecName, pool)
    guard let codec = SwapCodec(rawValue: name) else { throw .codec(name) }
    let parts = try parts(handle, Int(length), of: wanted, try allocator(of: pool, entry))
    for part in parts where reader.kernel.memory.page(part.frame).page == nil {
      throw .unreadable("the frame of what zswap holds")
    }
    return CompressedPage(content: keepsRaw && length == 4096 ? .raw(parts) : .stored(parts, codec))
  }

  /// - Parameter place: what there is to allocate from, and its `zpool`.
  private func parts(
    _ handle: VirtualAddress, _ length: Int, of wanted: SwapEntry,
    _ place: (name: String, pool: VirtualAddress, zpool: VirtualAddress?)
  ) throws(ZswapFault) -> [CompressedPage.Part] {
    var skipped = 0
    if let header, let zpool = place.zpool, try read(header.isThere, zpool, "a zpool") != 0 {
      skipped = Int(header.size)
    }
    let parts: [CompressedPage.Part]
    switch place.name {
    case "zsmalloc":
      let zsmalloc = try known(zsmalloc)
      parts = try zsmalloc.parts(of: handle, count: length + skipped, in: place.pool)
    case "zbud": parts = try known(zbud).parts(of: handle, count: length + skipped)
    default: throw .allocator(place.name)
    }
    guard skipped > 0 else { return parts }
    guard skipped == 8, let head = bytes(parts.prefix(2), count: 8), head.load(0) == wanted.value(entryForm) else {
      throw .damaged("what zswap holds is another entry's")
    }
    return Self.dropping(skipped, of: parts)
  }

  private func allocator(
    of pool: VirtualAddress, _ entry: VirtualAddress
  ) throws(ZswapFault) -> (name: String, pool: VirtualAddress, zpool: VirtualAddress?) {
    switch pools {
    case .zsmalloc(let place): return ("zsmalloc", try pointer(place, pool, "a zswap_pool"), nil)
    case .zpool(let member, let driver, let own):
      var place = pool &+ UInt64(member.offset)
      if let count = member.count {
        guard count > 0, count & (count - 1) == 0 else { throw .damaged("a zswap_pool has \(count) zpools") }
        // Source: include/linux/hash.h, hash_64.
        let bits = UInt64(count.trailingZeroBitCount)
        if bits > 0 { place = place &+ 8 &* ((entry.rawValue &* Self.hashFactor) >> (64 - bits)) }
      }
      guard let value = reader.kernel.u64(place.rawValue), reader.kernel.isPointer(value) else {
        throw .unreadable("a zswap_pool")
      }
      let zpool = VirtualAddress(rawValue: value)
      let name = try read(driver, zpool, "a zpool")
      do throws(KernelFault) {
        return (
          try reader.text(at: VirtualAddress(rawValue: name), limit: Self.allocatorLimit),
          try reader.pointer(own, at: zpool), zpool
        )
      } catch { throw .unreadable("a zpool") }
    }
  }

  /// The first bytes of parts, as many as are asked for.
  func bytes(_ parts: some Sequence<CompressedPage.Part>, count: Int = .max) -> [UInt8]? {
    var bytes: [UInt8] = []
    for part in parts where bytes.count < count {
      guard let page = reader.kernel.memory.page(part.frame).page else { return nil }
      bytes += page.bytes[part.offset..<part.offset + part.count]
    }
    return Array(bytes.prefix(count))
  }

  private static func dropping(_ count: Int, of parts: [CompressedPage.Part]) -> [CompressedPage.Part] {
    var left = count
    return parts.compactMap { part in
      let drop = min(left, part.count)
      left -= drop
      return drop == part.count
        ? nil : .init(frame: part.frame, offset: part.offset + drop, count: part.count - drop)
    }
  }

  private func known<T>(_ result: Result<T, TypeFault>) throws(ZswapFault) -> T {
    do throws(TypeFault) { return try result.get() } catch { throw .types(error) }
  }

  private func text(_ path: ResolvedPath, _ place: VirtualAddress) throws(ZswapFault) -> String {
    do throws(KernelFault) { return try reader.text(path, at: place, limit: Self.allocatorLimit) } catch {
      throw .unreadable("a zswap_pool")
    }
  }

  private func read(_ path: ResolvedPath, _ place: VirtualAddress, _ what: String) throws(ZswapFault) -> UInt64 {
    do throws(KernelFault) { return try reader.value(path, at: place) } catch { throw .unreadable(what) }
  }

  private func pointer(
    _ path: ResolvedPath, _ place: VirtualAddress, _ what: String
  ) throws(ZswapFault) -> VirtualAddress {
    let value = try read(path, place, what)
    guard reader.kernel.isPointer(value) else { throw .damaged("\(what) leads to \(hex(value))") }
    return VirtualAddress(rawValue: value)
  }
}

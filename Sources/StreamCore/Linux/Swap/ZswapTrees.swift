/// Which pages zswap holds, `zswap_trees`: by the type of a swap area an rb-tree; since 6.8 one for each 2^14 pages of
/// it; since 6.10 xarrays. Source: mm/zswap.c of the releases; Documentation/kvm.md §9.
struct ZswapTrees: Sendable {
  private enum Form: Sendable {
    /// Of a tree its root, of an entry its node, bytes.
    case redBlack(root: UInt64, node: UInt64)
    /// Of a tree its head.
    case xarray(head: UInt64)
  }

  private let reader: KernelReader
  private let trees: VirtualAddress
  /// Where trees are arrays: how many each has, and the bytes of one.
  private let parts: (counts: VirtualAddress, size: UInt64)?
  private let form: Form
  private let entryForm: SwapEntry.Form
  /// What says which entry a `zswap_entry` is: all of it since 6.5, before that the offset alone.
  private let own: (place: ResolvedPath, isWhole: Bool)

  /// Pages of one tree of several. Source: ZSWAP_ADDRESS_SPACE_SHIFT.
  private static let partPages: UInt64 = 1 << 14
  /// Levels of an rb-tree of 2^34 entries at most.
  private static let levels = 70

  static let symbols: Set<String> = ["zswap_trees", "nr_zswap_trees"]

  /// `nil`: the kernel has no zswap.
  init?(_ kernel: DescribedKernel, _ entryForm: SwapEntry.Form) throws(ZswapFault) {
    guard let trees = try? kernel.symbol("zswap_trees") else { return nil }
    self.trees = trees
    self.entryForm = entryForm
    reader = kernel.reader
    let types = kernel.types
    let counts = try? kernel.symbol("nr_zswap_trees")
    do throws(TypeFault) {
      if types.has("zswap_tree.rbroot") {
        form = .redBlack(
          root: try types.offset("zswap_tree.rbroot.rb_node", below: 4096),
          node: try types.offset("zswap_entry.rbnode", below: 4096))
        parts = try counts.map { counts throws(TypeFault) in (counts, UInt64(try types.size(of: "zswap_tree"))) }
      } else {
        form = .xarray(head: try types.offset("xarray.xa_head", below: 4096))
        // Xarrays came after the parts.
        guard let counts else { throw .noType("zswap_tree") }
        parts = (counts, UInt64(try types.size(of: "xarray")))
      }
      if types.has("zswap_entry.swpentry") {
        own = (try types.path("zswap_entry.swpentry.val"), true)
      } else {
        own = (try types.path("zswap_entry.offset"), false)
      }
    } catch { throw .types(error) }
  }

  /// The `zswap_entry` of a page; `nil`: zswap does not hold it.
  func entry(of wanted: SwapEntry) throws(ZswapFault) -> VirtualAddress? {
    guard var tree = try pointer(trees &+ 8 &* UInt64(wanted.type), "zswap_trees") else { return nil }
    if let parts {
      let part = wanted.offset / Self.partPages
      guard part < (try word(parts.counts &+ 4 &* UInt64(wanted.type), "nr_zswap_trees", size: 4)) else { return nil }
      tree = tree &+ part &* parts.size
    }
    let found: VirtualAddress?
    switch form {
    case .redBlack(let root, let node): found = try search(tree &+ root, node: node, wanted)
    case .xarray(let head): found = try search(tree, head: head, wanted)
    }
    guard let found else { return nil }
    guard try number(of: found) == (own.isWhole ? wanted.value(entryForm) : wanted.offset) else {
      throw .damaged("a zswap_entry is not the one of its place")
    }
    return found
  }

  private func search(
    _ tree: VirtualAddress, head: UInt64, _ wanted: SwapEntry
  ) throws(ZswapFault) -> VirtualAddress? {
    let root = try word(tree &+ head, "a tree of zswap")
    guard root != 0 else { return nil }
    let array = KernelXArray(
      tree, head: root, kernel: reader.kernel, indexes: wanted.offset...wanted.offset, limit: 16)
    guard array.gaps.isEmpty else { throw .damaged("a tree of zswap cannot be read \(array.gaps[0])") }
    for entry in array.entries where entry.index == wanted.offset && entry.count == 1 {
      guard case .pointer(let place) = entry.value, reader.kernel.isPointer(place.rawValue) else { continue }
      return place
    }
    return nil
  }

  private func search(
    _ root: VirtualAddress, node: UInt64, _ wanted: SwapEntry
  ) throws(ZswapFault) -> VirtualAddress? {
    guard var next = try pointer(root, "a tree of zswap") else { return nil }
    for _ in 0..<Self.levels {
      let entry = next &- node
      let number = try number(of: entry)
      let offset = own.isWhole ? SwapEntry(number, entryForm)?.offset : number
      guard let offset else { throw .damaged("a zswap_entry is of no swap area") }
      if offset == wanted.offset { return entry }
      // Right, left. Source: struct rb_node.
      guard let child = try pointer(next &+ (offset < wanted.offset ? 8 : 16), "a tree of zswap") else { return nil }
      next = child
    }
    throw .damaged("a tree of zswap has no end")
  }

  private func number(of entry: VirtualAddress) throws(ZswapFault) -> UInt64 {
    do throws(KernelFault) { return try reader.value(own.place, at: entry) } catch {
      throw .unreadable("a zswap_entry")
    }
  }

  private func word(_ place: VirtualAddress, _ what: String, size: Int = 8) throws(ZswapFault) -> UInt64 {
    do throws(KernelReadFault) { return try reader.kernel.integer(place, size: size) } catch { throw .unreadable(what) }
  }

  /// `nil`: there is none.
  private func pointer(_ place: VirtualAddress, _ what: String) throws(ZswapFault) -> VirtualAddress? {
    let value = try word(place, what)
    guard value != 0 else { return nil }
    guard reader.kernel.isPointer(value) else { throw .damaged("\(what) leads to \(hex(value))") }
    return VirtualAddress(rawValue: value)
  }
}

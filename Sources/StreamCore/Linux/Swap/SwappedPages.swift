import Synchronization

/// The pages of a host's processes that are swapped out and in memory all the same: in the swap cache, as they are, as
/// a bit where they were zeros, or in zswap, compressed. What has to do with swap is read at the first such page. Safe
/// to use from any thread.
final class SwappedPages: Sendable {
  private struct Sources: Sendable {
    var form = SwapEntry.Form.xarray
    var cache: SwapCache?
    var zeros: SwapZeros?
    /// `nil`: the kernel has none.
    var zswap: Result<Zswap, ZswapFault>?
  }

  /// What stands for a page of a process.
  enum Page: Sendable, Equatable {
    case page([UInt8])
    case bad(String)
  }

  private let sources: Once<Sources>
  private let refused = Mutex<Set<String>>([])
  private let decoders = DecoderPool()

  /// Different reasons that are kept.
  private static let reasonLimit = 8

  static let symbols = SwapCache.symbols.union(SwapZeros.symbols).union(Zswap.symbols)

  init(_ kernel: DescribedKernel) {
    sources = Once {
      var sources = Sources()
      // Trees of pages were radix trees up to 4.19.
      sources.form = kernel.types.has("address_space.i_pages.rnode") ? .radixTree : .xarray
      guard let structs = PageStructs(kernel) else { return sources }
      sources.cache = PageStates(kernel, structs).flatMap { SwapCache(kernel, structs, $0, sources.form) }
      sources.zeros = SwapZeros(kernel, sources.cache)
      do throws(ZswapFault) {
        sources.zswap = try Zswap(Self.withAllocators(kernel), structs, sources.form).map { .success($0) }
      } catch { sources.zswap = .failure(error) }
      return sources
    }
  }

  /// The kernel with the types of its allocators, which can be modules.
  private static func withAllocators(_ kernel: DescribedKernel) -> DescribedKernel {
    guard !kernel.types.has("zs_pool.size_class") || !kernel.types.has("zbud_header.first_chunks") else {
      return kernel
    }
    return DescribedKernel(kernel.kernel, symbols: kernel.symbols, modules: Zswap.modules)
  }

  /// What stands behind a swap entry: a frame, the entry in place of one where zswap has the page, or nothing in memory.
  func content(of entry: SwapEntry) -> ProcessPages.Run.Content {
    let sources = sources.value
    if let frame = sources.cache?.frame(of: entry) { return .frames(frame) }
    if let zeros = sources.zeros, zeros.contains(entry) { return .frames(zeros.frame) }
    do throws(ZswapFault) {
      if try sources.zswap?.get().page(of: entry) != nil { return .frames(entry.frame) }
    } catch {
      refused.withLock { if $0.count < Self.reasonLimit { $0.insert("\(error)") } }
    }
    return .absent(.swapped)
  }

  /// What the page cache of shared memory has in place of a page that is swapped out.
  /// - Parameter value: a `swp_entry_t`.
  func content(ofEntry value: UInt64) -> ProcessPages.Run.Content {
    SwapEntry(value, sources.value.form).map { content(of: $0) } ?? .absent(.swapped)
  }

  /// Why pages that zswap seems to hold are not read, in order; empty: all are.
  var reasons: [String] { refused.withLock { $0.sorted() } }

  /// The page of a swap entry that stands in place of a frame.
  /// - Throws: `SystemError` of a codec without memory.
  func page(_ frame: UInt64, _ decoder: PageDecoder) throws(SystemError) -> Page {
    let found: CompressedPage.Content
    let bytes: [UInt8]
    do throws(ZswapFault) { (found, bytes) = try kept(frame) } catch { return .bad("zswap: \(error)") }
    switch found {
    case .filled(let word):
      let bytes = (0..<8 as Range<UInt64>).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
      return .page((0..<pageSize).map { bytes[$0 % 8] })
    case .raw: return bytes.count == pageSize ? .page(bytes) : .bad("zswap: \(bytes.count) bytes of a page")
    case .stored(_, let codec): return try Self.decode(bytes, codec, decoder)
    }
  }

  /// What zswap has for a swap entry that stands in place of a frame, and its bytes.
  private func kept(_ frame: UInt64) throws(ZswapFault) -> (CompressedPage.Content, [UInt8]) {
    guard let entry = SwapEntry(frame: frame), let zswap = try sources.value.zswap?.get(),
      let found = try zswap.page(of: entry)?.content
    else { throw .damaged("it has no such page") }
    switch found {
    case .filled: return (found, [])
    case .raw(let parts), .stored(let parts, _):
      guard let bytes = zswap.bytes(parts) else { throw .unreadable("the frame of what it holds") }
      return (found, bytes)
    }
  }

  private static func decode(
    _ stored: [UInt8], _ codec: SwapCodec, _ decoder: PageDecoder
  ) throws(SystemError) -> Page {
    var page: [UInt8] = []
    let fault = try stored.withBytes { (bytes) throws(SystemError) in try decoder.decode(bytes, codec, into: &page) }
    return fault.map { .bad("zswap: \(codec.rawValue): \($0)") } ?? .page(page)
  }
}

extension SwappedPages: PhysicalMemory {
  /// The page of a swap entry that stands in place of a frame.
  func page(_ frame: UInt64) -> PageResult {
    guard case .page(let bytes)? = try? decoders.borrow({ try page(frame, $0) }) else { return .bad }
    return StreamCore.Page(bytes).map { .page($0) } ?? .bad
  }
}

import Synchronization

/// The host's physical memory as its dump holds it: any page, decoded whole. Safe to use from any thread.
public final class HostMemory: PhysicalMemory {
  public let dump: any HostDump
  private let decoders: DecoderPool
  private let purpose: ReadPurpose
  private let cache: Mutex<PageCache>

  /// - Parameters:
  ///   - purpose: what the pages' bytes are counted as.
  ///   - cachedPages: how many decoded pages are kept for the next who asks.
  public init(
    _ dump: any HostDump, decoders: DecoderPool = DecoderPool(), purpose: ReadPurpose = .structures,
    cachedPages: Int = 1024
  ) {
    self.dump = dump
    self.decoders = decoders
    self.purpose = purpose
    cache = Mutex(PageCache(capacity: cachedPages))
  }

  public func page(_ frame: UInt64) -> PageResult {
    if let page = cache.withLock({ $0[frame] }) { return .page(page) }
    let result = load(frame)
    if case .page(let page) = result { cache.withLock { $0[frame] = page } }
    return result
  }

  private func load(_ frame: UInt64) -> PageResult {
    guard dump.presence(frame) == .stored, frame < .max else { return .absent }
    var result = PageResult.absent
    do {
      try dump.visit(
        frame..<frame + 1, page: { result = try decode($0) },
        fault: { if case .bad = $0 { result = .bad } })
    } catch {
      return .bad
    }
    return result
  }

  private func decode(_ stored: StoredPage) throws -> PageResult {
    dump.file.counters.add(Int(stored.size), purpose)
    var page: [UInt8] = []
    let fault = try decoders.borrow { decoder in
      try dump.file.lend(at: stored.offset, count: Int(stored.size)) {
        decoder.decode($0, stored.encoding, into: &page)
      }
    }
    try dump.file.checkIntact()
    return fault == nil ? Page(page).map { .page($0) } ?? .bad : .bad
  }
}

/// Pages by frame, forgotten all at once when there are too many: walks come in bursts over few pages.
private struct PageCache {
  let capacity: Int
  private var pages: [UInt64: Page] = [:]

  init(capacity: Int) { self.capacity = capacity }

  subscript(frame: UInt64) -> Page? {
    get { pages[frame] }
    set {
      if pages.count >= capacity { pages.removeAll(keepingCapacity: true) }
      pages[frame] = newValue
    }
  }
}

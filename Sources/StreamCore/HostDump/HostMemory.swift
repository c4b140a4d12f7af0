import Synchronization

/// The host's physical memory as its dump holds it: any page, decoded whole. Safe to use from any thread.
final class HostMemory: PhysicalMemory {
  let dump: any HostDump
  private let decoders: DecoderPool
  private let purpose: ReadPurpose
  private let cache: Mutex<PageCache>

  /// - Parameters:
  ///   - purpose: what the pages' bytes are counted as.
  ///   - cachedPages: how many decoded pages are kept for the next who asks.
  init(
    _ dump: any HostDump, decoders: DecoderPool = DecoderPool(), purpose: ReadPurpose = .structures,
    cachedPages: Int = 256
  ) {
    self.dump = dump
    self.decoders = decoders
    self.purpose = purpose
    cache = Mutex(PageCache(capacity: cachedPages))
  }

  func page(_ frame: UInt64) -> PageResult {
    if let page = cache.withLock({ $0[frame] }) { return .page(page) }
    let result = load(frame)
    if case .page(let page) = result { cache.withLock { $0[frame] = page } }
    return result
  }

  /// Whether the input shrank meanwhile is not asked for each page: whoever ends the step asks that.
  func passingPage(_ frame: UInt64) -> PageResult {
    cache.withLock { $0[frame] }.map(PageResult.page) ?? load(frame, isPassing: true)
  }

  private func load(_ frame: UInt64, isPassing: Bool = false) -> PageResult {
    do {
      switch try dump.entry(frame) {
      case .page(let page):
        let result = try decode(page)
        if !isPassing { try dump.input.source.check() }
        return result
      case .fault(let fault): return fault.kind == .bad ? .bad : .absent
      case nil: return .absent
      }
    } catch {
      // The byte source keeps it, as it keeps a read's, and whoever ends the step throws it.
      if let error = error as? SystemError { dump.input.source.keep(error) }
      return .bad
    }
  }

  private func decode(_ stored: StoredPage) throws -> PageResult {
    dump.input.counters.add(Int(stored.size), purpose)
    var page: [UInt8] = []
    let fault = try decoders.borrow { decoder in
      try dump.input.source.lend(at: stored.offset, of: Int(stored.file), count: Int(stored.size)) {
        try decoder.decode($0, stored.codec, into: &page)
      }
    }
    return fault == nil ? Page(page).map { .page($0) } ?? .bad : .bad
  }
}

/// Pages by frame, each in one of the few places that its number leads to: walks come in bursts over few pages.
private struct PageCache {
  private static let ways = 4
  /// No frame: its address would have 76 bits.
  private static let none = UInt64.max
  private var frames: [UInt64]
  private var pages: [Page]
  private let setMask: UInt64
  /// Which way of a set is next to be given away.
  private var turn = 0

  /// - Parameter capacity: pages kept at most; the power of two at or below it is.
  init(capacity: Int) {
    let sets = 1 << (Int.bitWidth - 1 - max(1, capacity / Self.ways).leadingZeroBitCount)
    frames = Array(repeating: Self.none, count: sets * Self.ways)
    pages = Array(repeating: .zero, count: sets * Self.ways)
    setMask = UInt64(sets - 1)
  }

  subscript(frame: UInt64) -> Page? {
    get {
      guard frame != Self.none else { return nil }
      let first = first(of: frame)
      for place in first..<first + Self.ways where frames[place] == frame { return pages[place] }
      return nil
    }
    set {
      guard let newValue, frame != Self.none else { return }
      let first = first(of: frame)
      let free = (first..<first + Self.ways).first { frames[$0] == Self.none || frames[$0] == frame }
      let place = free ?? first + turn
      turn = (turn + 1) % Self.ways
      frames[place] = frame
      pages[place] = newValue
    }
  }

  /// Tables of one guest lie side by side, or 2 MiB apart.
  private func first(of frame: UInt64) -> Int { Int((frame ^ frame >> 9) & setMask) * Self.ways }
}

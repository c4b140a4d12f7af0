/// Decodes stored pages of any codec. It keeps the libraries' contexts from page to page (snappy has none): one for
/// each worker. Nothing stored can make it trap or write past a page, and the work is bounded by the 4096 bytes that
/// go in and come out at most.
///
/// A library that cannot start, or gets no memory, makes it throw: no page is bad for that.
///
/// What it demands (Documentation/kdump-compressed.md §8, rows 33 to 46): a raw page is 4096 bytes, a compressed one 1
/// to 4096, and it decodes to exactly 4096. Bytes after the end of a zlib stream are accepted; the other decoders
/// refuse them.
final class PageDecoder {
  private lazy var inflater = hasMemory ? Inflater() : nil
  lazy var deflate = inflater.flatMap(DeflateDecoder.init)
  private lazy var zstd = hasMemory ? ZstdDecoder() : nil
  private lazy var zlibFirstByte = ZlibFirstByte()
  private lazy var zstdFirstByte = ZstdFirstByte()
  /// Where a page goes that is decoded for its head alone.
  private lazy var scratch: [UInt8] = []
  private let hasMemory: Bool

  /// - Parameter hasMemory: `false`: the libraries get none, for tests of what becomes of that.
  init(hasMemory: Bool = true) { self.hasMemory = hasMemory }

  /// Decodes one page into `page`, which is brought to 4096 bytes if it has another size. `nil` is success; after a
  /// fault the bytes of `page` mean nothing.
  func decode(_ stored: RawSpan, _ codec: PageCodec, into page: inout [UInt8]) throws(SystemError) -> DecodeFault? {
    if page.count != pageSize { page = Array(repeating: 0, count: pageSize) }
    return try decode(stored, codec, into: &page, at: 0)
  }

  /// Decodes one page into the 4096 bytes of `room` from `start` on, which must lie inside. `nil` is success; after a
  /// fault those bytes mean nothing.
  func decode(
    _ stored: RawSpan, _ codec: PageCodec, into room: inout [UInt8], at start: Int
  ) throws(SystemError) -> DecodeFault? {
    guard Self.accepts(stored.byteCount, codec) else { return .wrongStoredSize(stored.byteCount) }
    precondition(start >= 0 && start <= room.count - pageSize)
    // Safe: both buffers live across the call, and `output` has the 4096 bytes made sure of above.
    let fault: DecodeFault? = unsafe stored.withUnsafeBytes { input in
      unsafe room.withUnsafeMutableBytes { room in
        let output = unsafe UnsafeMutableRawBufferPointer(rebasing: room[start..<start + pageSize])
        switch codec {
        case .raw:
          unsafe output.copyMemory(from: input)
          return nil
        case .zlib:
          guard let deflate else { return .unavailable }
          return unsafe deflate.decode(input, into: output)
        case .lzo: return unsafe LZO.decode(input, into: output)
        case .snappy: return unsafe Snappy.decode(input, into: output)
        case .zstd:
          guard let zstd else { return .unavailable }
          return unsafe zstd.decode(input, into: output)
        }
      }
    }
    if fault == .unavailable { throw codec.unavailable }
    return fault
  }

  /// The first 16 bytes of a page, without decoding the rest where the codec allows it: raw, LZO, snappy and zlib do,
  /// zstd seldom.
  ///
  /// - Parameters:
  ///   - stored: The page's stored bytes. With `storedSize`, the first of them are enough to begin with.
  ///   - storedSize: How many bytes are stored for the page in all.
  func head(_ stored: RawSpan, _ codec: PageCodec, storedSize: Int? = nil) throws(SystemError) -> HeadResult {
    let size = storedSize ?? stored.byteCount
    guard Self.accepts(size, codec), stored.byteCount <= size else { return .bad }
    let isWhole = stored.byteCount == size
    let result: HeadResult
    switch codec {
    case .raw: result = stored.head(0).map(HeadResult.head) ?? .needsMore
    case .lzo: result = LZOHead.decode(stored)
    case .snappy: result = SnappyHead.decode(stored)
    case .zlib:
      guard let head = inflater?.head(stored) else { throw codec.unavailable }
      result = head
    case .zstd: result = try zstdHead(stored, isWhole)
    }
    if isWhole, case .needsMore = result { return .bad }
    return result
  }

  /// The first byte of a page, where it can be told for less than the head; `nil`: only `head` tells. If the whole page
  /// decodes, it begins with this byte; whether it does is not looked at.
  ///
  /// - Parameter stored: As for `head`: for LZO and snappy the first of the stored bytes will do.
  @inline(__always)
  func firstByte(_ stored: RawSpan, _ codec: PageCodec) -> UInt8? {
    switch codec {
    case .raw: return stored.load(0)
    case .lzo: return LZOHead.firstByte(stored)
    case .snappy: return SnappyHead.firstByte(stored)
    case .zlib: return zlibFirstByte.decode(stored)
    case .zstd: return ZstdHead.firstByte(stored, zstdFirstByte)
    }
  }

  private func zstdHead(_ stored: RawSpan, _ isWhole: Bool) throws(SystemError) -> HeadResult {
    if let head = ZstdHead.decode(stored) { return .head(head) }
    guard isWhole else { return .needsMore }
    guard try decode(stored, PageCodec.zstd, into: &scratch) == nil else { return .bad }
    return scratch.withBytes { PageHead(page: $0) }.map(HeadResult.head) ?? .bad
  }

  private static func accepts(_ size: Int, _ codec: PageCodec) -> Bool {
    codec == .raw ? size == pageSize : size >= 1 && size <= pageSize
  }
}

/// One for each worker: the contexts are not for two at a time.
@available(*, unavailable)
extension PageDecoder: Sendable {}

import Synchronization

/// How one stored page becomes an output page: passed through, or decoded and encoded anew. One for each step.
final class PageTransfer {
  let target: PageCodec
  let headerCodec: PageCodec
  let keepsStored: Bool
  let verifies: Bool
  /// Stored bytes can be written from where they lie.
  let leavesInPlace: Bool
  /// Pages that the host's kernel keeps compressed.
  private let swapped: SwappedPages?
  private let decoder: PageDecoder
  private let encoder: PageEncoder
  private var decoded: [UInt8] = []
  /// Compressed pages that went on without having been decoded.
  private(set) var passedUnread: UInt64 = 0
  private(set) var transcoded: UInt64 = 0
  /// Pages are decoded right into the payload, which has room for all of them; raw ones go there too, so that
  /// neighbours are one range.
  let decodesInPlace: Bool
  /// Bytes of the payload that are taken then.
  private(set) var used = 0
  /// Bytes of the input that were asked for.
  private(set) var asked = 0
  /// Where a page of zeros is stored: writers let all of them share one.
  private var zeroPage: StoredPage?
  private let knownZero: KnownZeroPage

  init(_ extraction: Extraction, _ decoder: PageDecoder, _ encoder: PageEncoder, _ knownZero: KnownZeroPage) {
    target = extraction.target
    headerCodec = extraction.dump.summary.codec ?? .raw
    keepsStored = extraction.keepsStored
    verifies = extraction.verifies
    swapped = extraction.swapped
    leavesInPlace = extraction.dump.input.source.isMapped
    decodesInPlace = leavesInPlace && target == .raw && headerCodec != .raw
    self.decoder = decoder
    self.encoder = encoder
    self.knownZero = knownZero
    zeroPage = knownZero.page
  }

  /// No codec stores a page of zeros in more bytes than this (snappy needs 196, the others less), so only a page this
  /// small is worth a look before it is passed through. Source: Documentation/codecs.md §1.
  private static let zeroLimit: UInt32 = 256

  /// What goes out for a page; bytes that are not written from where they lie are appended to `payload`.
  func transfer(_ page: StoredPage, of source: ByteSource, into payload: inout [UInt8]) throws -> ExtractedStep.Result {
    if let zeroPage, zeroPage.sharesBytes(with: page) { return .zero }
    asked += Int(page.size)
    let passes = passesThrough(page)
    if !passes { transcoded += 1 }
    let result = try source.lend(at: page.offset, of: Int(page.file), count: Int(page.size)) { bytes in
      try look(page, bytes, passes: passes, into: &payload)
    }
    if case .zero = result {
      zeroPage = page
      knownZero.page = page
    }
    return result
  }

  /// What goes out for a page that the host's kernel keeps compressed; its bytes are appended to `payload`.
  /// - Parameter frame: its swap entry in place of a frame.
  func transfer(swapped frame: UInt64, into payload: inout [UInt8]) throws -> ExtractedStep.Result {
    let fault = { (reason: String) in
      ExtractedStep.Result.fault(PageFault(.bad, frame: frame, offset: 0, reason: reason))
    }
    guard let swapped else { return fault("zswap: not read") }
    switch try swapped.page(frame, decoder) {
    case .bad(let reason): return fault(reason)
    case .page(let bytes):
      transcoded += 1
      decoded = bytes
      return try encoded(into: &payload)
    }
  }

  /// The page that was decoded last, as it goes out.
  private func encoded(into payload: inout [UInt8]) throws -> ExtractedStep.Result {
    if decoded.withBytes({ $0.isZero }) { return .zero }
    let start = payload.count
    if try decoded.withBytes({ bytes throws(SystemError) in try encoder.encode(bytes, into: &payload) }) != nil {
      return .stored(.buffer(start: start, count: payload.count - start), target)
    }
    return decoded.withBytes { append($0, .raw, to: &payload) }
  }

  private func look(
    _ page: StoredPage, _ bytes: RawSpan, passes: Bool, into payload: inout [UInt8]
  ) throws -> ExtractedStep.Result {
    var mayBeZero = page.codec == .raw || page.size <= Self.zeroLimit
    if passes && !verifies && mayBeZero && page.codec != .raw {
      if case .head(let head) = try decoder.head(bytes, page.codec) { mayBeZero = head.low == 0 && head.high == 0 }
    }
    if passes, page.codec == .raw ? !bytes.isZero : !verifies && !mayBeZero {
      if page.codec != .raw { passedUnread += 1 }
      if decodesInPlace { return try decodedInPlace(page, bytes, &payload) }
      return stored(page, bytes, &payload)
    }
    if decodesInPlace && !passes { return try decodedInPlace(page, bytes, &payload) }
    if let fault = try decoder.decode(bytes, page.codec, into: &decoded) { return bad(page, fault) }
    if (!passes || mayBeZero) && decoded.withBytes({ $0.isZero }) { return .zero }
    if passes { return stored(page, bytes, &payload) }
    return try encoded(into: &payload)
  }

  private func decodedInPlace(
    _ page: StoredPage, _ bytes: RawSpan, _ payload: inout [UInt8]
  ) throws -> ExtractedStep.Result {
    if let fault = try decoder.decode(bytes, page.codec, into: &payload, at: used) { return bad(page, fault) }
    if payload.withBytes({ $0.extracting(used..<used + pageSize).isZero }) { return .zero }
    defer { used += pageSize }
    return .stored(.buffer(start: used, count: pageSize), .raw)
  }

  private func bad(_ page: StoredPage, _ fault: DecodeFault) -> ExtractedStep.Result {
    .fault(PageFault(.bad, frame: page.frame, offset: page.offset, reason: "\(page.codec.name): \(fault)"))
  }

  private func stored(_ page: StoredPage, _ bytes: RawSpan, _ payload: inout [UInt8]) -> ExtractedStep.Result {
    if leavesInPlace {
      return .stored(.input(file: Int(page.file), offset: page.offset, count: Int(page.size)), page.codec)
    }
    return append(bytes, page.codec, to: &payload)
  }

  private func append(_ bytes: RawSpan, _ codec: PageCodec, to payload: inout [UInt8]) -> ExtractedStep.Result {
    let start = payload.count
    payload.append(bytes)
    return .stored(.buffer(start: start, count: payload.count - start), codec)
  }

  /// A raw page of a compressed dump is one that its codec did not make smaller: it stays raw.
  private func passesThrough(_ page: StoredPage) -> Bool {
    keepsStored || page.codec == target || (page.codec == .raw && headerCodec == target)
  }
}

/// Where the input stores a page of zeros: writers let all of them share one, so it is read once.
final class KnownZeroPage: Sendable {
  private let state = Mutex<StoredPage?>(nil)

  var page: StoredPage? {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}

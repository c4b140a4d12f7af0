/// One step of the pass: the wanted pages of a stretch of host frames as they go out, and who wants them.
struct ExtractedStep: Sendable {
  enum Result: Sendable {
    case zero
    /// A range of `payload`, in an encoding.
    case stored(Range<Int>, PageEncoding)
    case bad(BadPage)
    case lost(BadPage)
  }

  /// One guest frame that wants a page of `results`.
  struct Wish: Sendable {
    var owner: Int
    var guestFrame: UInt64
    var page: Int
  }

  private let step: ExtractionPlan.Step
  private(set) var payload: [UInt8] = []
  private(set) var results: [Result] = []
  private(set) var wishes: [Wish] = []
  private(set) var transcoded: UInt64 = 0
  private(set) var passedUnread: UInt64 = 0

  init(step: ExtractionPlan.Step) { self.step = step }

  /// Reads what is wanted, once each, in file order.
  mutating func fill(from dump: any HostDump, _ transfer: PageTransfer) throws {
    let base = step.frames.lowerBound
    var pageOfFrame = Array(repeating: -1, count: Int(ExtractionPlan.framesPerStep))
    for extent in step.extents {
      for frame in extent.host..<extent.host + extent.count { pageOfFrame[Int(frame - base)] = 0 }
    }
    let file = dump.file
    var asked = 0
    try dump.visit(
      step.frames,
      page: { page in
        guard pageOfFrame[Int(page.frame - base)] == 0 else { return }
        pageOfFrame[Int(page.frame - base)] = results.count
        asked += Int(page.size)
        try file.lend(at: page.offset, count: Int(page.size)) { bytes in
          let (result, changed) = transfer.transfer(page, bytes, into: &payload)
          results.append(result)
          if changed { transcoded += 1 }
        }
      },
      fault: { entry in
        let frame = entry.frame
        guard pageOfFrame[Int(frame - base)] == 0 else { return }
        pageOfFrame[Int(frame - base)] = results.count
        switch entry {
        case .bad(let page): results.append(.bad(page))
        case .lost(let page): results.append(.lost(page))
        case .page: break
        }
      })
    passedUnread = transfer.passedUnread
    file.counters.add(asked, .pages)
    try file.checkIntact()
    for extent in step.extents {
      for index in 0..<extent.count {
        wishes.append(
          Wish(
            owner: extent.owner, guestFrame: extent.guest + index, page: pageOfFrame[Int(extent.host + index - base)]))
      }
    }
  }
}

/// How one stored page becomes an output page: passed through, or decoded and encoded anew. One for each step.
final class PageTransfer {
  let target: PageEncoding
  let headerEncoding: PageEncoding
  let keepsStored: Bool
  let verifies: Bool
  private let decoder: PageDecoder
  private let encoder: PageEncoder
  private var decoded: [UInt8] = []
  /// Compressed pages that went on without having been decoded.
  private(set) var passedUnread: UInt64 = 0

  init(_ extraction: Extraction, _ decoder: PageDecoder, _ encoder: PageEncoder) {
    target = extraction.target
    headerEncoding = extraction.dump.summary.encoding
    keepsStored = extraction.keepsStored
    verifies = extraction.verifies
    self.decoder = decoder
    self.encoder = encoder
  }

  /// No codec stores a page of zeros in more bytes than this (snappy needs 196, the others less), so only a page this
  /// small is worth a look before it is passed through. Source: formats/libs.md §1.
  private static let zeroLimit: UInt32 = 256

  /// Appends the page to `payload` unless it is zero or bad. The second value tells whether it was transcoded.
  func transfer(
    _ page: StoredPage, _ bytes: RawSpan, into payload: inout [UInt8]
  ) -> (ExtractedStep.Result, transcoded: Bool) {
    let passes = passesThrough(page)
    let mayBeZero = page.encoding == .raw || page.size <= Self.zeroLimit
    if passes, page.encoding == .raw ? !bytes.isZero : !verifies && !mayBeZero {
      if page.encoding != .raw { passedUnread += 1 }
      return (append(bytes, page.encoding, to: &payload), false)
    }
    if let fault = decoder.decode(bytes, page.encoding, into: &decoded) {
      let reason = "\(page.encoding.name): \(fault)"
      return (.bad(BadPage(frame: page.frame, offset: page.offset, reason: reason)), !passes)
    }
    if (!passes || mayBeZero) && decoded.withBytes({ $0.isZero }) { return (.zero, !passes) }
    if passes { return (append(bytes, page.encoding, to: &payload), false) }
    let start = payload.count
    if decoded.withBytes({ encoder.encode($0, into: &payload) }) != nil {
      return (.stored(start..<payload.count, target), true)
    }
    return (decoded.withBytes { append($0, .raw, to: &payload) }, true)
  }

  private func append(_ bytes: RawSpan, _ encoding: PageEncoding, to payload: inout [UInt8]) -> ExtractedStep.Result {
    let start = payload.count
    payload.append(bytes)
    return .stored(start..<payload.count, encoding)
  }

  /// A raw page of a compressed dump is one that its codec did not make smaller: it stays raw.
  private func passesThrough(_ page: StoredPage) -> Bool {
    keepsStored || page.encoding == target || (page.encoding == .raw && headerEncoding == target)
  }
}

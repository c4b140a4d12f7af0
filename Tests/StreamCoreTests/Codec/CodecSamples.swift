import Testing

@testable import StreamCore

/// Pages that exercise the codecs in different ways, the same ones on every machine.
enum CodecSamples {
  /// SplitMix64.
  struct Random {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var bits = state
      bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
      bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
      return bits ^ bits >> 31
    }

    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next() >> 32) }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  }

  static let zero = [UInt8](repeating: 0, count: pageSize)

  static func noise(_ random: inout Random) -> [UInt8] { zero.map { _ in random.byte() } }

  /// Mostly zero, with short runs of other bytes here and there; the head is one of the places.
  static func sparse(_ random: inout Random) -> [UInt8] {
    var page = zero
    for _ in 0..<random.below(20) + 1 {
      let start = random.below(4) == 0 ? random.below(24) : random.below(pageSize)
      for index in start..<min(start + random.below(40), pageSize) { page[index] = random.byte() }
    }
    return page
  }

  /// Words out of a small vocabulary.
  static func text(_ random: inout Random) -> [UInt8] {
    let words = (0..<30).map { _ in (0..<random.below(9) + 1).map { _ in UInt8(97 + random.below(26)) } }
    var page: [UInt8] = []
    while page.count < pageSize { page += words[random.below(words.count)] + [32] }
    return Array(page.prefix(pageSize))
  }

  /// Repeats of earlier bytes of any distance and length, between short literal runs: as many instructions as fit, from
  /// the first byte on.
  static func repeats(_ random: inout Random) -> [UInt8] {
    var page: [UInt8] = []
    while page.count < pageSize {
      for _ in 0..<random.below(5) { page.append(random.byte()) }
      guard !page.isEmpty else { continue }
      let distance = random.below(min(page.count, 300)) + 1
      for _ in 0..<random.below(24) + 2 { page.append(page[page.count - distance]) }
    }
    return Array(page.prefix(pageSize))
  }

  /// Words with few bits set, as tables of pointers and counters have.
  static func words(_ random: inout Random) -> [UInt8] {
    var page = zero
    for offset in stride(from: 0, to: pageSize, by: 8) where random.below(3) > 0 {
      page.store(0xffff_8880_0000_0000 | random.next() & 0xff8, at: offset)
    }
    return page
  }

  /// `count` pages, of all kinds in turn, beginning with the zero page.
  static func pages(_ count: Int, seed: UInt64) -> [[UInt8]] {
    var random = Random(seed: seed)
    return (0..<count).map { index in
      switch index % 6 {
      case 0: index == 0 ? zero : [UInt8](repeating: random.byte(), count: pageSize)
      case 1: noise(&random)
      case 2: sparse(&random)
      case 3: text(&random)
      case 4: repeats(&random)
      default: words(&random)
      }
    }
  }

  /// The first 16 bytes.
  static func head(_ page: [UInt8]) -> PageHead? { page.withBytes { PageHead(page: $0) } }

  /// The page as a dump stores it: encoded, or raw where that is not smaller.
  static func stored(_ page: [UInt8], _ encoder: PageEncoder) -> (bytes: [UInt8], encoding: PageCodec) {
    var bytes: [UInt8] = []
    let count = encoder.size(page, into: &bytes)
    return count == nil ? (page, .raw) : (bytes, encoder.codec)
  }
}

extension PageDecoder {
  func page(_ stored: [UInt8], _ encoding: PageCodec) -> Result<[UInt8], DecodeFault> {
    var page: [UInt8] = []
    do {
      let fault = try stored.withBytes { try decode($0, encoding, into: &page) }
      return fault.map(Result.failure) ?? .success(page)
    } catch {
      return .failure(.unavailable)
    }
  }

  func fault(_ stored: [UInt8], _ encoding: PageCodec) -> DecodeFault? {
    if case .failure(let fault) = page(stored, encoding) { fault } else { nil }
  }

  func head(_ stored: [UInt8], _ encoding: PageCodec, storedSize: Int? = nil) -> HeadResult {
    do { return try stored.withBytes { try head($0, encoding, storedSize: storedSize) } } catch {
      Issue.record(error)
      return .bad
    }
  }
}

extension PageEncoder {
  /// As `encode`; a library that does not start is an issue of the test.
  func size(_ page: [UInt8], into bytes: inout [UInt8]) -> Int? {
    do { return try page.withBytes { try encode($0, into: &bytes) } } catch {
      Issue.record(error)
      return nil
    }
  }
}

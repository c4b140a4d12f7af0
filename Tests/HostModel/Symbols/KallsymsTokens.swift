/// The 256 pieces that kallsyms puts names together from, found as the kernel's build finds them: the pair of pieces
/// that occurs most becomes one, again and again. Source: scripts/kallsyms.c, optimize_result.
public struct KallsymsTokens: Sendable {
  /// Each byte's text; the empty ones are of no use.
  public let texts: [[UInt8]]
  /// By first byte, the longest first.
  private let candidates: [[(text: [UInt8], code: UInt8)]]

  /// - Parameter sample: texts with every byte that any name has.
  init(sample: [String]) {
    var names = sample.map { $0.utf8.map { UInt16($0) } }
    var pieces: [UInt16: (UInt16, UInt16)] = [:]
    let used = Set(names.joined())
    var counts: [UInt32: Int] = [:]
    for name in names { KallsymsTokens.count(name, 1, &counts) }
    for code in (0..<256 as Range<UInt16>).reversed() where !used.contains(code) {
      // Of equal ones the lowest: dictionaries have no order of their own.
      guard let best = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), best.value > 1 else { break }
      let pair = (UInt16(best.key >> 16), UInt16(truncatingIfNeeded: best.key))
      pieces[code] = pair
      for index in names.indices {
        let name = names[index]
        guard zip(name, name.dropFirst()).contains(where: { $0 == pair }) else { continue }
        KallsymsTokens.count(name, -1, &counts)
        names[index] = KallsymsTokens.merge(pair, in: name, to: code)
        KallsymsTokens.count(names[index], 1, &counts)
      }
    }
    texts = (0..<256 as Range<UInt16>).map { code in
      used.contains(code) || pieces[code] != nil ? KallsymsTokens.expand(code, pieces) : []
    }
    var candidates = [[(text: [UInt8], code: UInt8)]](repeating: [], count: 256)
    for (code, text) in texts.enumerated() {
      guard let first = text.first else { continue }
      candidates[Int(first)].append((text, UInt8(code)))
    }
    self.candidates = candidates.map { $0.sorted { $0.text.count > $1.text.count } }
  }

  /// A symbol's type and name in pieces, the longest that fits each time.
  func encode(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var codes: [UInt8] = []
    var at = 0
    while at < bytes.count {
      guard let piece = candidates[Int(bytes[at])].first(where: { bytes[at...].starts(with: $0.text) }) else {
        preconditionFailure("the sample has every byte")
      }
      codes.append(piece.code)
      at += piece.text.count
    }
    return codes
  }

  private static func count(_ name: [UInt16], _ by: Int, _ counts: inout [UInt32: Int]) {
    for (one, next) in zip(name, name.dropFirst()) { counts[UInt32(one) << 16 | UInt32(next), default: 0] += by }
  }

  private static func merge(_ pair: (UInt16, UInt16), in name: [UInt16], to code: UInt16) -> [UInt16] {
    var out: [UInt16] = []
    for piece in name {
      if piece == pair.1 && out.last == pair.0 { out[out.count - 1] = code } else { out.append(piece) }
    }
    return out
  }

  private static func expand(_ code: UInt16, _ pieces: [UInt16: (UInt16, UInt16)]) -> [UInt8] {
    guard let pair = pieces[code] else { return [UInt8(code)] }
    return expand(pair.0, pieces) + expand(pair.1, pieces)
  }
}

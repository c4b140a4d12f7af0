import HostModel
import HostRecipes

/// One random damage to a file, the same for the same seed and index.
struct Mutation: Sendable, CustomStringConvertible {
  enum Kind: Sendable, CaseIterable {
    /// 1 to 8 bits.
    case flips
    /// The end is missing.
    case truncation
    /// A piece of the middle is missing, what follows moves up.
    case cut
    /// Two blocks have changed places.
    case swap
    /// A block is zeros, as after a lost write.
    case hole
  }

  let kind: Kind
  /// Offset and mask of each flipped bit; else offset and length of each block.
  private let places: [(at: Int, value: Int)]

  /// - Parameter meta: bytes at the start that hold headers and tables: half of all places lie there.
  init(seed: UInt64, index: Int, size: Int, meta: Int) {
    var random = SplitMix64(seed: seed &+ SplitMix64.mix(UInt64(index)))
    func place() -> Int {
      let bound = random.below(2) == 0 ? meta : size
      return Int(random.below(UInt64(bound)))
    }
    switch random.below(10) {
    case 0..<5:
      kind = .flips
      places = (0...random.below(8)).map { _ in (place(), 1 << Int(random.below(8))) }
    case 5:
      kind = .truncation
      places = [(place(), 0)]
    case 6:
      kind = .cut
      places = [(place(), 1 + Int(random.below(random.below(2) == 0 ? 64 : 8192)))]
    case 7:
      kind = .hole
      places = [(place(), 1 + Int(random.below(8192)))]
    default:
      kind = .swap
      let length = 8 << Int(random.below(10))
      places = [(place() / length * length, length), (place() / length * length, length)]
    }
  }

  func apply(to bytes: inout [UInt8]) {
    switch kind {
    case .flips:
      for place in places { bytes[place.at] ^= UInt8(place.value) }
    case .truncation: bytes.removeSubrange(places[0].at...)
    case .cut: bytes.removeSubrange(places[0].at..<min(places[0].at + places[0].value, bytes.count))
    case .hole:
      let range = places[0].at..<min(places[0].at + places[0].value, bytes.count)
      bytes.replaceSubrange(range, with: repeatElement(0, count: range.count))
    case .swap:
      let (first, second) = (places[0].at, places[1].at)
      let length = min(places[0].value, bytes.count - max(first, second))
      let block = Array(bytes[first..<first + length])
      bytes.replaceSubrange(first..<first + length, with: Array(bytes[second..<second + length]))
      bytes.replaceSubrange(second..<second + length, with: block)
    }
  }

  /// Whether bytes of `range`, offsets in the file as it was, are other bytes now, or have moved.
  func touches(_ range: Range<Int>) -> Bool {
    places.contains { place in
      switch kind {
      case .flips: range.contains(place.at)
      case .truncation, .cut: place.at < range.upperBound
      case .hole, .swap: range.overlaps(place.at..<place.at + place.value)
      }
    }
  }

  var description: String { "\(kind) \(places.map { "\($0.at):\($0.value)" }.joined(separator: " "))" }
}

/// What a damaged file itself says of its frames, read with the simplest rules there are: where that is another page
/// than it was, no reader can tell.
struct MutatedView {
  private let bytes: [UInt8]
  private var places: [UInt64: (offset: UInt64, size: UInt64, codec: RecipeCodec)] = [:]
  /// Where each frame's descriptor or program header stands.
  private var headers: [UInt64: Range<Int>] = [:]

  /// The bytes of the file that are a frame's own: its header and what is stored for it.
  func own(_ frame: UInt64) -> [Range<Int>] {
    guard let header = headers[frame], let place = places[frame] else { return [] }
    return [header, Int(place.offset)..<Int(place.offset + place.size)]
  }

  /// Whether another frame has the very same place: that of a shared page, as zeros are.
  func isShared(_ frame: UInt64) -> Bool {
    guard let place = places[frame] else { return false }
    return places.contains { $0.key != frame && $0.value == place }
  }

  /// The stored bytes of a frame; `nil`: nothing is there.
  func stream(_ frame: UInt64) -> [UInt8]? {
    guard let place = places[frame], place.size <= 4096, place.offset <= UInt64(bytes.count),
      place.size <= UInt64(bytes.count) - place.offset
    else { return nil }
    let start = Int(place.offset)
    return Array(bytes[start..<start + Int(place.size)])
  }

  /// `nil`: nothing is there, or no page.
  func page(_ frame: UInt64) -> [UInt8]? {
    guard let place = places[frame], let stored = stream(frame) else { return nil }
    if place.codec == .zlib, let whole = zlibWithoutRest(stored) { return whole }
    return RecipeBytes.expand(stored, place.codec)
  }

  /// The test's own decoder refuses bytes behind a zlib stream; readers may accept them.
  private func zlibWithoutRest(_ stored: [UInt8]) -> [UInt8]? {
    for end in stride(from: stored.count, to: max(2, stored.count - 8), by: -1) {
      if let page = RecipeBytes.expand(Array(stored[..<end]), .zlib) { return page }
    }
    return nil
  }

  private func le(_ at: UInt64, _ width: Int) -> UInt64? {
    guard at <= UInt64(bytes.count), UInt64(bytes.count) - at >= UInt64(width) else { return nil }
    var value: UInt64 = 0
    for index in (0..<width).reversed() { value = value << 8 | UInt64(bytes[Int(at) + index]) }
    return value
  }

  static func kdump(_ bytes: [UInt8]) -> MutatedView {
    var view = MutatedView(bytes: bytes)
    guard let version = view.le(8, 4), let sub = view.le(432, 4), let blocks = view.le(436, 4),
      let frames = version >= 6 ? view.le(4096 + 96, 8) : view.le(440, 4)
    else { return view }
    let second = (1 + sub) * 4096 + blocks / 2 * 4096
    var descriptor = second + blocks / 2 * 4096
    for byte in 0..<min((frames + 7) / 8, 1 << 20) {
      guard let bits = view.le(second + byte, 1) else { break }
      for bit in 0..<8 as Range<UInt64> where bits >> bit & 1 == 1 && byte * 8 + bit < frames {
        if let offset = view.le(descriptor, 8), let size = view.le(descriptor + 8, 4),
          let flags = view.le(descriptor + 12, 4), let codec = RecipeCodec(rawValue: UInt32(flags))
        {
          view.places[byte * 8 + bit] = (offset, size, codec)
          view.headers[byte * 8 + bit] = Int(descriptor)..<Int(descriptor) + 24
        }
        descriptor += 24
      }
    }
    return view
  }

  static func elf(_ bytes: [UInt8]) -> MutatedView {
    var view = MutatedView(bytes: bytes)
    guard let table = view.le(32, 8), let count = view.le(56, 2), let stride = view.le(54, 2) else { return view }
    for index in 0..<count {
      let at = table &+ index * stride
      guard at < 1 << 40, view.le(at, 4) == 1, let offset = view.le(at + 8, 8), let physical = view.le(at + 24, 8),
        let stored = view.le(at + 32, 8), let size = view.le(at + 40, 8), physical < 1 << 52
      else { continue }
      let held = min(stored, size, 1 << 30)
      var frame = (physical + 4095) >> 12
      while (frame + 1) << 12 <= physical + held {
        let (place, overflow) = offset.addingReportingOverflow(frame << 12 - physical)
        if !overflow, view.places[frame] == nil, place < UInt64(bytes.count), UInt64(bytes.count) - place >= 4096 {
          view.places[frame] = (place, 4096, .raw)
          view.headers[frame] = Int(at)..<Int(at) + 56
        }
        frame += 1
      }
    }
    return view
  }
}

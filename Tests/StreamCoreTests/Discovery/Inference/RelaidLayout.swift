@testable import StreamCore

/// Another layout for the regions of a host of Bochs 2.7: random places by a seed, in one of three styles and one of three
/// forms of access rights, with hidden state (copies of fields, counters, constants) beside the fields.
struct RelaidLayout {
  enum Style: CaseIterable { case records, arrays, scatter }

  let old: Layout
  let rights: AccessRightsForm
  private(set) var places: [VMCSField: Layout.Place] = [:]
  private var hidden: [Hidden] = []
  private let seed: UInt64

  private enum Content { case counter, copy(VMCSField), constant(UInt64), address }
  private struct Hidden {
    let offset: Int
    let content: Content
  }

  /// - Parameters:
  ///   - noise: bytes of hidden state.
  ///   - missing: fields that the processor keeps in no form that anybody knows.
  init(
    _ style: Style, _ rights: AccessRightsForm, seed: UInt64, noise: Int = 160, without missing: Set<VMCSField> = []
  ) throws {
    old = try Layout(parsing: LayoutCatalogue.Entry.bochs27.text)
    self.rights = rights
    self.seed = seed
    var random = SeededGenerator(seed)
    var free = [Bool](repeating: true, count: 4096)
    for byte in 0..<16 { free[byte] = false }
    func take(_ size: Int, aligned: Int) -> Int {
      while true {
        let start = Int.random(in: 16 / aligned..<(4064 - size) / aligned, using: &random) * aligned
        if free[start..<start + size].allSatisfy({ $0 }) {
          for byte in start..<start + size { free[byte] = false }
          return start
        }
      }
    }
    func width(_ field: VMCSField) -> Int {
      VMCSField.accessRights.contains(field) && rights == .packed16 ? 2 : field.width
    }
    var rest = old.fields.sorted { $0.rawValue < $1.rawValue }
    func place(_ field: VMCSField, _ offset: Int) {
      places[field] = Layout.Place(offset: offset, width: width(field))
      rest.removeAll { $0 == field }
    }
    let registers = SegmentRegister.allCases.shuffled(using: &random)
    let parts = SegmentPart.allCases.shuffled(using: &random)
    switch style {
    case .records:
      for register in registers {
        var at = take(32, aligned: 32)
        for field in parts.map({ $0.field(register) }).sorted(by: { width($0) > width($1) }) {
          place(field, at)
          at += width(field)
        }
      }
    case .arrays:
      for part in parts {
        let size = width(part.field(.cs))
        let start = take(8 * size, aligned: size)
        for (index, register) in registers.enumerated() { place(part.field(register), start + index * size) }
      }
    case .scatter: break
    }
    while let first = rest.first {
      var group = [first]
      for next in rest.dropFirst() {
        guard style != .scatter, group.count < 4, width(next) == width(first),
          Int.random(in: 0..<10, using: &random) < 6
        else { break }
        group.append(next)
      }
      let start = take(group.count * width(first), aligned: width(first))
      for (index, field) in group.enumerated() { place(field, start + index * width(first)) }
    }
    for field in missing { places[field] = nil }
    let wide = old.fields.filter { $0.width == 8 }
    for _ in 0..<noise / 8 {
      let offset = Int.random(in: 2..<511, using: &random) * 8
      switch Int.random(in: 0..<4, using: &random) {
      case 0: hidden.append(Hidden(offset: offset, content: .counter))
      case 1: hidden.append(Hidden(offset: offset, content: .copy(wide.randomElement(using: &random) ?? .GUEST_RIP)))
      case 2:
        hidden.append(Hidden(offset: offset, content: .constant(UInt64.random(in: 0..<1 << 16, using: &random))))
      default: hidden.append(Hidden(offset: offset, content: .address))
      }
    }
  }

  /// The region as a processor with this layout has it.
  func page(_ region: VMCSRegion) -> Page {
    var random = SeededGenerator(seed &* 1_000_003 &+ region.address.rawValue)
    var bytes = [UInt8](repeating: 0, count: 4096)
    for part in hidden {
      let value: UInt64
      switch part.content {
      case .counter: value = UInt64.random(in: 0..<1 << 40, using: &random)
      case .copy(let field): value = region[field] ?? 0
      case .constant(let constant): value = constant
      case .address: value = 0xffff_8000_0000_0000 | UInt64.random(in: 0..<1 << 40, using: &random)
      }
      bytes.store(value, at: part.offset)
    }
    bytes.store(UInt64(0x19), at: 0)
    for (field, place) in places {
      let value = truth(field, in: region)
      for byte in 0..<place.width { bytes[place.offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
    }
    return Page(bytes) ?? .zero
  }

  /// A field's value as this layout stores it.
  func truth(_ field: VMCSField, in region: VMCSRegion) -> UInt64 {
    let value = region[field] ?? 0
    guard VMCSField.accessRights.contains(field) else { return value }
    // Bochs 2.7 keeps rights rotated by 8.
    let own = UInt32(truncatingIfNeeded: value)
    let sdm = own >> 8 | own << 24
    switch rights {
    case .packed16: return UInt64(sdm & 0xf0ff | (sdm >> 16 & 1) << 11)
    case .rotated: return UInt64(own)
    case .sdm32, .unknown: return UInt64(sdm)
    }
  }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

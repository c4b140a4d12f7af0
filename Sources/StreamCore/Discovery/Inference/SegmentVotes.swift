/// One of the four parts that a segment register has in the VMCS.
enum SegmentPart: Int, Sendable, CaseIterable {
  case selector, limit, rights, base

  func field(_ register: SegmentRegister) -> VMCSField {
    switch self {
    case .selector: register.fields.selector
    case .limit: register.fields.limit
    case .rights: register.fields.accessRights
    case .base: register.fields.base
    }
  }

  /// - Parameter form: of access rights, one that is known.
  func width(_ form: AccessRightsForm) -> Int {
    switch self {
    case .selector: 2
    case .limit: 4
    case .rights: form.width ?? 4
    case .base: 8
    }
  }
}

/// Where each part of each segment register can lie by its values alone, for one form of access rights.
struct SegmentVotes: Sendable {
  static let registers = SegmentRegister.allCases
  let form: AccessRightsForm
  /// By part, and for each offset a bit for each register.
  private(set) var masks: [[UInt8]]
  /// By part and register, in ascending order.
  private(set) var offsets: [[[Int]]]

  /// - Parameter taken: bytes that are other fields'.
  /// `nil` where a part has no voter, or no place.
  init?(_ form: AccessRightsForm, in regions: [RegionClues], taken: [Bool]) {
    self.form = form
    masks = Array(repeating: Array(repeating: 0, count: pageSize), count: SegmentPart.allCases.count)
    offsets = Array(
      repeating: Array(repeating: [], count: Self.registers.count), count: SegmentPart.allCases.count)
    for part in SegmentPart.allCases {
      let width = part.width(form)
      for (index, register) in Self.registers.enumerated() {
        let votes = regions.compactMap { region in
          region.known[part.field(register)].flatMap { known in
            known.exact.map { (region.page, part == .rights ? Self.stored($0, form) : $0) }
          }
        }
        guard !votes.isEmpty else { return nil }
        for offset in PlaceVotes.places(width)
        where votes.allSatisfy({ $0.value(offset, width) == $1 }) && !taken[offset..<offset + width].contains(true) {
          masks[part.rawValue][offset] |= 1 << UInt8(index)
          offsets[part.rawValue][index].append(offset)
        }
        if offsets[part.rawValue][index].isEmpty { return nil }
      }
    }
  }

  private static func stored(_ rights: UInt64, _ form: AccessRightsForm) -> UInt64 {
    UInt64(form.stored(UInt32(truncatingIfNeeded: rights)) ?? 0)
  }

  func fits(_ part: SegmentPart, _ register: Int, at offset: Int) -> Bool {
    offset >= Layout.firstOffset && offset <= pageSize - part.width(form)
      && masks[part.rawValue][offset] >> UInt8(register) & 1 == 1
  }
}

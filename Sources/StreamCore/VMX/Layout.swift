/// Which VMCS field lies at which byte of a region, for one processor or hypervisor.
public struct Layout: Sendable, Equatable {
  /// Where one field lies: bytes from the start of the region, and bytes it takes.
  public struct Place: Sendable, Hashable {
    public var offset: Int
    public var width: Int

    init(offset: Int, width: Int) {
      self.offset = offset
      self.width = width
    }
  }

  /// How sure the places are, in the words of layouts.json.
  public enum Confidence: String, Sendable {
    case high, medium, low
  }

  /// First byte after the header (revision id, abort indicator).
  static let firstOffset = 8

  public let id: String
  /// The processors or the hypervisor, for people.
  public let processor: String
  /// Bits 30:0 of the regions' first dword; more than one layout can share an id. Empty: any id.
  public let revisionIDs: [UInt32]
  public let accessRights: AccessRightsForm
  /// What is known of the layout beyond its places.
  public internal(set) var facts = Facts()
  /// The fields that have a place, in ascending order of offset.
  public let fields: [VMCSField]

  /// Offset and width by the field's slot; width 0: no place.
  private let offsets: [UInt16]
  private let widths: [UInt8]

  public struct Facts: Sendable, Equatable {
    public var confidence: Confidence?
    public var sources: [String] = []
    /// The formula that gives the places, where there is one.
    public var rule: String?
    /// Fields whose place no source states directly.
    public var inferred: [VMCSField] = []
    /// Fields that only some of the processors or versions have.
    public var optional: [VMCSField] = []
  }

  /// - Throws: a place outside the bytes 8 to 4095, a width that the field cannot have, two places that overlap.
  init(
    id: String, processor: String, revisionIDs: [UInt32], accessRights: AccessRightsForm,
    places: [VMCSField: Place]
  ) throws(LayoutError) {
    self.id = id
    self.processor = processor
    self.revisionIDs = revisionIDs
    self.accessRights = accessRights
    var offsets = [UInt16](repeating: 0, count: VMCSField.slots)
    var widths = [UInt8](repeating: 0, count: VMCSField.slots)
    let ordered = places.sorted { ($0.value.offset, $0.key.rawValue) < ($1.value.offset, $1.key.rawValue) }
    var end = Self.firstOffset
    var before: VMCSField?
    for (field, place) in ordered {
      guard Self.widths(of: field, accessRights).contains(place.width) else {
        throw .width(field: field, width: place.width)
      }
      guard place.offset >= Self.firstOffset, place.offset <= pageSize - place.width else {
        throw .outside(field: field, offset: place.offset)
      }
      if place.offset < end, let before { throw .overlap(before, field) }
      offsets[field.slot] = UInt16(truncatingIfNeeded: place.offset)
      widths[field.slot] = UInt8(truncatingIfNeeded: place.width)
      end = place.offset + place.width
      before = field
    }
    fields = ordered.map(\.key)
    self.offsets = offsets
    self.widths = widths
  }

  /// Where a field lies, `nil` when the layout does not know it.
  public subscript(field: VMCSField) -> Place? {
    let slot = field.slot
    guard widths[slot] != 0 else { return nil }
    return Place(offset: Int(offsets[slot]), width: Int(widths[slot]))
  }

  /// The field's value in a region's page, zero-extended and as it is stored (access rights in the layout's own form).
  func load(_ field: VMCSField, from page: Page) -> UInt64? {
    let offset = Int(offsets[field.slot])
    switch widths[field.slot] {
    case 2: return UInt64(page.u16(offset))
    case 4: return UInt64(page.u32(offset))
    case 8: return page.u64(offset)
    default: return nil
    }
  }

  /// Access rights take what their form takes, everything else its own width.
  private static func widths(of field: VMCSField, _ form: AccessRightsForm) -> [Int] {
    guard VMCSField.GUEST_ES_AR_BYTES.rawValue...VMCSField.GUEST_TR_AR_BYTES.rawValue ~= field.rawValue else {
      return [field.width]
    }
    return form.width.map { [$0] } ?? [2, 4]
  }
}

/// What is wrong with a layout.
public enum LayoutError: Error, Equatable, Sendable {
  case width(field: VMCSField, width: Int)
  case outside(field: VMCSField, offset: Int)
  case overlap(VMCSField, VMCSField)
  /// A line of the text that cannot be read, numbered from 1.
  case line(Int, String)
  case unknownField(line: Int, name: String)
  case repeated(line: Int, name: String)
  case missing(header: String)
}

extension LayoutError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .width(let field, let width): "\(field.name): \(width) bytes is no width of this field"
    case .outside(let field, let offset): "\(field.name): offset \(offset) lies outside the bytes 8 to 4095"
    case .overlap(let first, let second): "\(first.name) and \(second.name) overlap"
    case .line(let number, let text): "line \(number): cannot be read: \(text)"
    case .unknownField(let number, let name): "line \(number): no VMCS field is named \(name)"
    case .repeated(let number, let name): "line \(number): \(name) is there twice"
    case .missing(let header): "the header line \"\(header)\" is missing"
    }
  }
}

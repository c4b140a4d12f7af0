/// The places that a table's values come to, after the checks that need all of them: one form of access rights, no two
/// fields in the same bytes (Documentation/vmcsinfo.md §2.4, steps 2 and 5).
struct VMCSInfoFields {
  private(set) var places: [VMCSField: Layout.Place] = [:]
  private(set) var accessRights = AccessRightsForm.unknown
  private(set) var remarks: [String] = []
  /// Values that name no place, absent fields among them.
  private(set) var undecoded = 0

  /// From values as VMREAD gave them in a filled region, zero-extended from the fields' own widths.
  init(encoded values: [VMCSField: UInt64]) {
    var damaged: [String] = []
    for (field, value) in values where field.segment == nil {
      switch VMCSInfoValue(value, width: field.width) {
      case .place(let place), .rights(let place, _): places[field] = place
      case .absent: undecoded += 1
      case .damaged: damaged.append(field.name)
      }
    }
    var rights: [(field: VMCSField, place: Layout.Place, form: AccessRightsForm)] = []
    for register in Self.registers {
      let fields = register.fields
      guard let value = values[fields.accessRights] else { continue }
      switch VMCSInfoValue(rights: value, selector: places[fields.selector]?.offset) {
      case .rights(let place, let form): rights.append((fields.accessRights, place, form))
      case .absent, .place: undecoded += 1
      case .damaged: damaged.append(fields.accessRights.name)
      }
    }
    accessRights = rights.first?.form ?? .unknown
    for (field, place, form) in rights where form == accessRights { places[field] = place }
    let others = rights.filter { $0.form != accessRights }.map(\.field.name)
    undecoded += damaged.count + others.count
    remarks += [
      VMCSInfo.remark("damaged values, left out", damaged),
      VMCSInfo.remark("access rights of another form than \(accessRights.rawValue), left out", others),
    ].compactMap { $0 }
    dropOverlaps()
  }

  /// From offsets that are plain.
  init(offsets: [VMCSField: Int], accessRights form: AccessRightsForm) {
    accessRights = form
    var outside: [String] = []
    for (field, offset) in offsets {
      let width = field.segment == nil ? field.width : form.width ?? field.width
      if offset >= Layout.firstOffset, offset <= pageSize - width {
        places[field] = Layout.Place(offset: offset, width: width)
      } else {
        outside.append(field.name)
      }
    }
    remarks += [VMCSInfo.remark("offsets outside the bytes 8 to 4095, left out", outside)].compactMap { $0 }
    dropOverlaps()
  }

  /// CS decides on the form; the others only where its rights are not there.
  private static let registers = [SegmentRegister.cs] + SegmentRegister.allCases.filter { $0 != .cs }

  /// A field that the processor lacks can read as the place of another: nobody can tell which of the two is meant.
  private mutating func dropOverlaps() {
    let ordered = places.sorted { ($0.value.offset, $0.key.rawValue) < ($1.value.offset, $1.key.rawValue) }
    var overlapping: Set<VMCSField> = []
    var last: (field: VMCSField, end: Int)?
    for (field, place) in ordered {
      let end = place.offset + place.width
      if let before = last, place.offset < before.end {
        overlapping.formUnion([before.field, field])
        if end > before.end { last = (field, end) }
      } else {
        last = (field, end)
      }
    }
    for field in overlapping { places[field] = nil }
    remarks += [VMCSInfo.remark("fields in the same bytes, left out", overlapping.map(\.name))].compactMap { $0 }
  }
}

extension VMCSField {
  /// The register whose access rights the field holds.
  fileprivate var segment: SegmentRegister? {
    SegmentRegister.allCases.first { $0.fields.accessRights == self }
  }
}

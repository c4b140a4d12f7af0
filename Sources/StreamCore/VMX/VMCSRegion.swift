/// The 4 KiB region of one vCPU, read through a layout. Source of the header: SDM vol. 3, 26.2.
struct VMCSRegion: Sendable, Equatable {
  /// Where the region lies; a multiple of 4096.
  let address: HPA
  let page: Page
  let layout: Layout
  /// What is known of its fields beside the layout, where that was inferred; access rights in the form of the SDM.
  var known: [VMCSField: UInt64] = [:]

  var revisionID: UInt32 { page.revisionID }
  /// Bit 31 of the first dword: a shadow VMCS, which no processor ever entered.
  var isShadow: Bool { page.u32(0) >> 31 == 1 }
  /// Why a VM exit aborted; 0 when none did. Source: SDM vol. 3, 29.7.
  var abortIndicator: UInt32 { page.u32(4) }

  /// The field's value, zero-extended and as it is stored; `nil` when the layout lacks the field.
  subscript(field: VMCSField) -> UInt64? { known[field] ?? layout.load(field, from: page) }

  /// Access rights in the form of the SDM, `nil` when the layout lacks them or nobody knows its form.
  func accessRights(of register: SegmentRegister) -> UInt32? {
    known[register.fields.accessRights].map { UInt32(truncatingIfNeeded: $0) }
      ?? layout.load(register.fields.accessRights, from: page).flatMap { layout.accessRights.sdm($0) }
  }

  /// A segment register, `nil` unless the layout has all its four fields.
  func segment(_ register: SegmentRegister) -> Segment? {
    let fields = register.fields
    guard let selector = self[fields.selector], let base = self[fields.base], let limit = self[fields.limit],
      let rights = accessRights(of: register)
    else { return nil }
    return Segment(
      selector: UInt16(truncatingIfNeeded: selector), base: base, limit: UInt32(truncatingIfNeeded: limit),
      accessRights: rights)
  }
}

extension Page {
  /// Of a page that is a VMCS region: bits 30:0 of its first dword. Bit 31 marks a shadow VMCS.
  var revisionID: UInt32 { u32(0) & 0x7fff_ffff }
}

extension VMCSField {
  init?(name: some StringProtocol) {
    let bytes = Array(name.utf8)
    self.init(name: bytes[...])
  }

  /// By the bytes of its name.
  init?(name: ArraySlice<UInt8>) {
    guard let field = VMCSFieldNames.all.field(name) else { return nil }
    self = field
  }

  /// Bytes of the field: 2, 4 or 8. Natural width is 8 in every 64-bit layout that is known. Source: bits 14:13 of the
  /// encoding, SDM vol. 3, 26.11.2.
  var width: Int {
    switch rawValue >> 13 & 3 {
    case 0: 2
    case 2: 4
    default: 8
    }
  }

  /// Places of a table that any field's `slot` indexes.
  static let slots = 1024
  /// Width, group and the low six bits of the index, side by side; no two fields share one.
  var slot: Int { Int(rawValue >> 13 & 3) << 8 | Int(rawValue >> 10 & 3) << 6 | Int(rawValue >> 1 & 0x3f) }
}

extension SegmentRegister {
  /// The four guest-state fields of a segment register.
  struct Fields {
    let selector: VMCSField
    let base: VMCSField
    let limit: VMCSField
    let accessRights: VMCSField
  }

  var fields: Fields {
    switch self {
    case .es:
      Fields(
        selector: .GUEST_ES_SELECTOR, base: .GUEST_ES_BASE, limit: .GUEST_ES_LIMIT, accessRights: .GUEST_ES_AR_BYTES)
    case .cs:
      Fields(
        selector: .GUEST_CS_SELECTOR, base: .GUEST_CS_BASE, limit: .GUEST_CS_LIMIT, accessRights: .GUEST_CS_AR_BYTES)
    case .ss:
      Fields(
        selector: .GUEST_SS_SELECTOR, base: .GUEST_SS_BASE, limit: .GUEST_SS_LIMIT, accessRights: .GUEST_SS_AR_BYTES)
    case .ds:
      Fields(
        selector: .GUEST_DS_SELECTOR, base: .GUEST_DS_BASE, limit: .GUEST_DS_LIMIT, accessRights: .GUEST_DS_AR_BYTES)
    case .fs:
      Fields(
        selector: .GUEST_FS_SELECTOR, base: .GUEST_FS_BASE, limit: .GUEST_FS_LIMIT, accessRights: .GUEST_FS_AR_BYTES)
    case .gs:
      Fields(
        selector: .GUEST_GS_SELECTOR, base: .GUEST_GS_BASE, limit: .GUEST_GS_LIMIT, accessRights: .GUEST_GS_AR_BYTES)
    case .ldtr:
      Fields(
        selector: .GUEST_LDTR_SELECTOR, base: .GUEST_LDTR_BASE, limit: .GUEST_LDTR_LIMIT,
        accessRights: .GUEST_LDTR_AR_BYTES)
    case .tr:
      Fields(
        selector: .GUEST_TR_SELECTOR, base: .GUEST_TR_BASE, limit: .GUEST_TR_LIMIT, accessRights: .GUEST_TR_AR_BYTES)
    }
  }
}

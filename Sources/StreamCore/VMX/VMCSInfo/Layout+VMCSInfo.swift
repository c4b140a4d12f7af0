/// A layout as a VMCSINFO of version 1: what VMREAD would have given on its processor. Source: Documentation/vmcsinfo.md
/// §2.
extension Layout {
  /// Fields that a table begins with, as the one that was posted.
  private static let first: [VMCSField] = [
    .PIN_BASED_VM_EXEC_CONTROL, .CPU_BASED_VM_EXEC_CONTROL, .SECONDARY_VM_EXEC_CONTROL, .VM_EXIT_CONTROLS,
    .VM_ENTRY_CONTROLS,
  ]

  /// The text, and the fields that it cannot tell of: packed access rights that do not stand behind their selector, and
  /// fields at odd bytes. `nil`: the layout has no single revision id.
  public var vmcsinfo: (text: String, leftOut: [String])? {
    guard revisionIDs.count == 1, let revision = revisionIDs.first else { return nil }
    var lines = [VMCSInfo.revisionKey + String(revision, radix: 16)]
    var leftOut: [String] = []
    for field in Self.first + VMCSField.allCases.filter({ !Self.first.contains($0) }) {
      guard let place = self[field] else { continue }
      guard let value = vmcsinfoValue(field, place) else {
        leftOut.append(field.name)
        continue
      }
      lines.append("FIELD(\(field.name))=" + Self.digits(value, 2 * field.width))
      // 64-bit fields have a name for their upper half, too: bits 14:13 of the encoding are 1.
      if field.rawValue >> 13 & 3 == 1 {
        lines.append("FIELD(\(field.name)_HIGH)=" + Self.digits(value >> 32, 16))
      }
    }
    return (lines.joined(separator: "\n") + "\n", leftOut)
  }

  /// The same as an ELF note: name of 9 bytes with its NUL, type 0.
  public var vmcsinfoNote: [UInt8]? {
    guard let text = vmcsinfo.map({ Array($0.text.utf8) }) else { return nil }
    let name = Array(VMCSInfo.noteName.utf8) + [0]
    var note: [UInt8] = []
    for word in [name.count, text.count, 0] {
      note += (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    for part in [name, text] {
      note += part
      note += [UInt8](repeating: 0, count: -part.count & 3)
    }
    return note
  }

  private static func digits(_ value: UInt64, _ count: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, count - digits.count)) + digits
  }

  private func vmcsinfoValue(_ field: VMCSField, _ place: Place) -> UInt64? {
    guard place.offset & 1 == 0 else { return nil }
    let words = stride(from: 0, to: place.width, by: 2).reduce(0) { value, step in
      value | UInt64(VMCSInfoWord.word(at: place.offset + step)) << UInt64(8 * step)
    }
    guard let register = SegmentRegister.allCases.first(where: { $0.fields.accessRights == field }) else {
      return words
    }
    // The processor gives the form of the SDM.
    guard let rights = accessRights.sdm(words).map(UInt64.init) else { return nil }
    if accessRights == .packed16, self[register.fields.selector]?.offset != place.offset - 2 { return nil }
    return rights
  }
}

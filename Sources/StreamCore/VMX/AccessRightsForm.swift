/// How a layout stores the access rights of a segment. Raw values are the names of layouts.json.
/// Source: VMX/Layouts/sources/layouts.json, "forms"; Bochs 2.7 cpu/vmx.cc.
public enum AccessRightsForm: String, Sendable, CaseIterable {
  /// Four bytes in the form of the SDM.
  case sdm32
  /// Four bytes, the SDM's value rotated left by 8 bits.
  case rotated = "bochs-rotated"
  /// Two bytes: bits 15:12 and 7:0 in place, the unusable bit in bit 11.
  case packed16
  /// Nobody has measured it: access rights stay unknown.
  case unknown

  /// Bytes that the form takes, `nil` when it is unknown.
  var width: Int? {
    switch self {
    case .sdm32, .rotated: 4
    case .packed16: 2
    case .unknown: nil
    }
  }

  /// The stored value in the form of the SDM (vol. 3, 26.4.1), `nil` when the form is unknown.
  func sdm(_ stored: UInt64) -> UInt32? {
    let value = UInt32(truncatingIfNeeded: stored)
    switch self {
    case .sdm32: return value
    case .rotated: return value >> 8 | value << 24
    case .packed16: return (value & 0xf0ff) | (value & 0x0800) << 5
    case .unknown: return nil
    }
  }

  /// The SDM's value as this form stores it, `nil` when the form is unknown.
  func stored(_ sdm: UInt32) -> UInt32? {
    switch self {
    case .sdm32: return sdm
    case .rotated: return sdm << 8 | sdm >> 24
    case .packed16: return (sdm & 0xf0ff) | (sdm >> 5 & 0x0800)
    case .unknown: return nil
    }
  }
}

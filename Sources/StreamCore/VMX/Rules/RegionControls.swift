/// The control words of a region. Bits: SDM vol. 3, 26.6 to 26.8 and appendix A; Documentation/vmcs.md §3.
struct RegionControls {
  let pin: UInt64?
  let processor: UInt64?
  let secondary: UInt64?
  let exit: UInt64?
  let entry: UInt64?

  init(_ region: VMCSRegion) {
    pin = region[.PIN_BASED_VM_EXEC_CONTROL]
    processor = region[.CPU_BASED_VM_EXEC_CONTROL]
    secondary = region[.SECONDARY_VM_EXEC_CONTROL]
    exit = region[.VM_EXIT_CONTROLS]
    entry = region[.VM_ENTRY_CONTROLS]
  }

  /// A control, `nil` where the layout lacks its word.
  private static func bit(_ word: UInt64?, _ bit: UInt64) -> Bool? { word.map { $0 >> bit & 1 == 1 } }

  /// PROC bit 31: the secondary controls count.
  private var hasSecondary: Bool? { Self.bit(processor, 31) }
  private func secondaryBit(_ bit: UInt64) -> Bool? {
    if hasSecondary == false { return false }
    return Self.bit(secondary, bit)
  }
  var hasEPT: Bool? { secondaryBit(1) }
  var isUnrestrictedGuest: Bool? { secondaryBit(7) }
  var hasShadowVMCS: Bool? { secondaryBit(14) }
  /// ENTRY bit 2.
  var loadsDebugControls: Bool? { Self.bit(entry, 2) }
  /// ENTRY bit 9: the guest is in IA-32e mode.
  var isLongMode: Bool? { Self.bit(entry, 9) }
  var loadsPAT: Bool? { Self.bit(entry, 14) }
  var loadsEFER: Bool? { Self.bit(entry, 15) }

  /// Words with the bits that must be 1 and those that must be 0. What the TRUE capability MSRs let be 0 (CR3 exits,
  /// debug controls) is left out.
  private struct Requirement {
    let field: VMCSField
    let ones: UInt64
    let zeros: UInt64
  }
  private static let requirements = [
    Requirement(field: .PIN_BASED_VM_EXEC_CONTROL, ones: 0x16, zeros: 0xffff_ff00),
    Requirement(field: .CPU_BASED_VM_EXEC_CONTROL, ones: 0x0400_6172, zeros: 0),
    // Bit 9: the host runs in 64-bit mode.
    Requirement(field: .VM_EXIT_CONTROLS, ones: 0x3_6dfb | 1 << 9, zeros: 0),
    // Bits 10 and 11: entry to SMM, and dual-monitor treatment.
    Requirement(field: .VM_ENTRY_CONTROLS, ones: 0x11fb, zeros: 0xc00),
  ]

  /// - Throws: the first word that no VM entry accepts.
  static func check(_ region: VMCSRegion) throws(RegionFault) {
    for requirement in requirements {
      guard let word = region[requirement.field] else { continue }
      guard word & requirement.ones == requirement.ones, word & requirement.zeros == 0 else {
        throw RegionFault(.controls, requirement.field, word)
      }
    }
  }
}

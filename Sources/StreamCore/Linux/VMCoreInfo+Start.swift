/// How a page begins that holds VMCOREINFO: as a note, or as its bare text. Source: kernel/vmcore_info.c,
/// vmcoreinfo_note and vmcoreinfo_data; Documentation/elf.md §4.2.
extension VMCoreInfo {
  /// n_namesz 11, n_descsz, n_type 0, then "VMCO": the start of the note.
  private static let noteName: UInt32 = 11
  private static let noteText: UInt32 = 0x4f43_4d56
  private static let noteLimit: UInt32 = 4096
  /// The text alone.
  private static let dataText: UInt64 = 0x5341_454c_4552_534f  // "OSRELEAS"

  /// The first bytes that such pages have.
  static let firstBytes = [UInt8(truncatingIfNeeded: noteName), UInt8(truncatingIfNeeded: dataText)]

  /// - Parameters:
  ///   - low: the page's first quadword.
  ///   - high: its second.
  @inline(__always)
  static func canBegin(with low: UInt64, _ high: UInt64) -> Bool {
    if low == dataText { return true }
    let size = UInt32(truncatingIfNeeded: low >> 32)
    return UInt32(truncatingIfNeeded: low) == noteName && size >= 1 && size <= noteLimit
      && UInt32(truncatingIfNeeded: high) == 0 && UInt32(truncatingIfNeeded: high >> 32) == noteText
  }
}

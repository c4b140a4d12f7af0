/// Version 2: the revision id in 4 bytes, then to the end sets of 12: the field's encoding in 4, the encoded offset in
/// 8, all little-endian. Source: Documentation/vmcsinfo.md §3.
extension VMCSInfo {
  private static let setSize = 12
  /// Bits that an encoding can have: width, type, index and the access type for the upper half of 64 bits.
  private static let encodingMask: UInt32 = 0x6fff

  init(binary bytes: [UInt8]) throws(VMCSInfoError) {
    // Zeros at the end may be the rest of a buffer, or the upper bytes of the last value.
    let used = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
    let sets = (max(used, 4) - 4 + Self.setSize - 1) / Self.setSize
    guard sets > 0, 4 + sets * Self.setSize <= bytes.count, let revisionID: UInt32 = bytes.load(0) else {
      throw .length(bytes: bytes.count)
    }
    var values: [UInt32: UInt64] = [:]
    for set in 0..<sets {
      let offset = 4 + set * Self.setSize
      guard let encoding: UInt32 = bytes.load(offset), let value: UInt64 = bytes.load(offset + 4) else {
        throw .length(bytes: bytes.count)
      }
      // Padding: VIRTUAL_PROCESSOR_ID is encoding 0, but its value is not.
      if encoding == 0 && value == 0 { continue }
      guard encoding & ~Self.encodingMask == 0 else { throw .encoding(encoding, offset: offset) }
      if let before = values.updateValue(value, forKey: encoding), before != value {
        throw .repeated(encoding: encoding, offset: offset)
      }
    }
    try self.init(revisionID, values)
  }

  private init(_ revisionID: UInt32, _ values: [UInt32: UInt64]) throws(VMCSInfoError) {
    var known: [VMCSField: UInt64] = [:]
    var unknown: [String] = []
    // An odd encoding is the upper half of the field before it.
    for (encoding, value) in values where encoding & 1 == 0 {
      if let field = VMCSField(rawValue: UInt16(truncatingIfNeeded: encoding)) {
        known[field] = value
      } else {
        unknown.append(hex(encoding))
      }
    }
    let places = VMCSInfoFields(encoded: known)
    guard places.undecoded * 4 <= known.count else { throw .values(undecoded: places.undecoded, of: known.count) }
    try self.init(
      .binary, revisionID: revisionID, places,
      remarks: [Self.remark("encodings that no known VMCS field has, ignored", unknown)].compactMap { $0 })
  }
}

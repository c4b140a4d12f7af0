/// CRC-32C (Castagnoli), and the mask that snappy's frames put over it. Source: snappy, framing_format.txt, section 3; RFC 3720,
/// appendix B.4.
enum CRC32C {
  /// Of each byte, for the reflected polynomial.
  private static let table: [UInt32] = (0..<256 as Range<UInt32>).map { byte in
    (0..<8).reduce(byte) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
  }

  static func masked(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    let table = table
    var value = UInt32.max
    for byte in bytes { value = table[Int((value ^ UInt32(byte)) & 0xff)] ^ value >> 8 }
    value = ~value
    return (value >> 15 | value << 17) &+ 0xa282_ead8
  }
}

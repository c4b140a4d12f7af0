/// Numbers as x86-64 keeps them in memory, least significant byte first.
public enum LittleEndian {
  public static func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> T($0 * 8)) }
  }

  /// The words' bytes, one word after the other.
  public static func bytes(_ words: [UInt64]) -> [UInt8] {
    // Safe: the buffer lives while it is copied, and x86-64 stores words least significant byte first.
    unsafe words.withUnsafeBytes { unsafe [UInt8]($0) }
  }
}

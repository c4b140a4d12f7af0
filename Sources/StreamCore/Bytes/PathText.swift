/// Paths and arguments are bytes to the system, and text to us. Bytes that are no UTF-8 are carried through a String as
/// characters that nobody uses: byte b as the scalar 10FF00 + b, hexadecimal. The bytes of such a scalar itself are
/// carried in the same way, so that each text stands for one run of bytes, and back.
public enum PathText {
  private static let base: UInt32 = 0x10_ff00
  private static let carriers: ClosedRange<UInt32> = 0x10_ff80...0x10_ffff

  /// The text that stands for these bytes.
  public static func text(of bytes: [UInt8]) -> String {
    if let whole = String(validating: bytes, as: UTF8.self), !whole.unicodeScalars.contains(where: isCarrier) {
      return whole
    }
    var text = String.UnicodeScalarView()
    var rest = bytes[...]
    while let byte = rest.first {
      let known = (1...4).lazy.compactMap { String(validating: rest.prefix($0), as: UTF8.self) }.first
      if let scalar = known?.unicodeScalars.first, !isCarrier(scalar) {
        text.append(scalar)
        rest = rest.dropFirst(UTF8.width(scalar))
      } else {
        // Never below 80: that would be ASCII.
        if let carrier = Unicode.Scalar(base + UInt32(byte)) { text.append(carrier) }
        rest = rest.dropFirst()
      }
    }
    return String(text)
  }

  /// The bytes that a text stands for.
  public static func bytes(of text: String) -> [UInt8] {
    guard text.unicodeScalars.contains(where: isCarrier) else { return Array(text.utf8) }
    return text.unicodeScalars.flatMap { scalar -> [UInt8] in
      isCarrier(scalar) ? [UInt8(truncatingIfNeeded: scalar.value)] : Array(UTF8.encode(scalar) ?? .init())
    }
  }

  /// A text as people read it: bytes that are no UTF-8, and what would move a terminal's cursor or colours, as "\x1b".
  public static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { isCarrier($0) || isControl($0) }) else { return text }
    return text.unicodeScalars.map { scalar in
      if isCarrier(scalar) { return escaped(UInt8(truncatingIfNeeded: scalar.value)) }
      return isControl(scalar) ? UTF8.encode(scalar)?.map(escaped).joined() ?? "" : String(scalar)
    }.joined()
  }

  /// Whether the bytes are no UTF-8, so that only `bytes(of:)` has them.
  public static func isCarried(_ text: String) -> Bool { text.unicodeScalars.contains(where: isCarrier) }

  /// As the system takes it: ended by NUL. An argument holds none before.
  static func terminated(_ text: String) -> [CChar] { bytes(of: text).map { CChar(bitPattern: $0) } + [0] }

  /// The directory that a path lies in; `nil`: nothing is above it.
  static func parent(of path: String) -> String? {
    var name = Array(path.utf8)[...]
    let slash = UInt8(ascii: "/")
    while name.count > 1, name.last == slash { name.removeLast() }
    guard name != [slash] else { return nil }
    guard let end = name.lastIndex(of: slash) else { return nil }
    while name.endIndex > end { name.removeLast() }
    while name.count > 1, name.last == slash { name.removeLast() }
    return name.isEmpty ? (path.utf8.first == slash ? "/" : nil) : String(decoding: name, as: UTF8.self)
  }

  private static func escaped(_ byte: UInt8) -> String { "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }

  private static func isCarrier(_ scalar: Unicode.Scalar) -> Bool { carriers.contains(scalar.value) }

  /// C0, DEL, C1, and what reorders text (bidirectional controls).
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f..<0xa0, 0x2028...0x202e, 0x2066...0x2069: true
    default: false
    }
  }
}

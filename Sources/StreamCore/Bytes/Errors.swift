import Glibc

/// Where a reader looked, what the format asks for, what stood there: enough for a hex viewer.
public struct FormatError: Error, Equatable, Sendable {
  /// Path as the user gave it.
  var file: String
  /// Bytes from the start of that file.
  var offset: UInt64
  /// The field's name in the format's own header file.
  var field: String
  var expected: String
  var found: String
}

extension FormatError: CustomStringConvertible {
  public var description: String {
    "\(file): byte \(hex(offset)): \(field): expected \(expected), found \(found)"
  }
}

/// A system call that failed, on which path, with which `errno`.
public struct SystemError: Error, Equatable, Sendable {
  var call: String
  var path: String
  var code: Int32

  /// Bytes of a file that were there when it was opened are not any more.
  static func cut(_ path: String) -> SystemError { SystemError(call: "read", path: path, code: EIO) }
}

/// "0x…" in lower case, as addresses and offsets are printed everywhere.
public func hex(_ value: some FixedWidthInteger & UnsignedInteger) -> String {
  "0x" + String(value, radix: 16)
}

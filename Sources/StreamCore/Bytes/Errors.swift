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

  init(file: String, offset: UInt64, field: String, expected: String, found: String) {
    self.file = file
    self.offset = offset
    self.field = field
    self.expected = expected
    self.found = found
  }
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

  init(call: String, path: String, code: Int32) {
    self.call = call
    self.path = path
    self.code = code
  }
}

/// "0x…" in lower case, as addresses and offsets are printed everywhere.
public func hex(_ value: some FixedWidthInteger & UnsignedInteger) -> String {
  "0x" + String(value, radix: 16)
}

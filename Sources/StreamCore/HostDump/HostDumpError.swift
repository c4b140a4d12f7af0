/// Why a file cannot be used as a host dump.
public enum HostDumpError: Error, Equatable, Sendable {
  /// It is of a format that is read, and a field of it cannot be right.
  case format(FormatError)
  /// It could not be opened or read.
  case system(SystemError)
  /// It is something known that is not read; `remedy` is what to do about it.
  case unsupported(file: String, format: String, remedy: String)
  /// Several files that are no parts of one split set.
  case severalDumps(count: Int)
  /// Nothing that is known.
  case unknown(file: String, found: String)
}

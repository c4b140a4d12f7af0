/// Why a file that should give symbols or types of the host's kernel is refused.
public enum SymbolFileError: Error, Equatable, Sendable {
  case unreadable(SystemError)
  /// What was found, what was expected, and what to do.
  case refused(path: String, why: String)
}

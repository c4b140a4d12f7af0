/// Something in a dump that its reader did not expect, and that does not keep the dump from being read.
enum Remark: Sendable, Hashable {
  /// Odd, but all that is wanted of the dump is read: a field that another one overrules, notes in an unusual place.
  case oddity(String)
  /// Something is damaged, or is not read because of it: what comes out can lack pages, or what the host said of
  /// itself. The manifest counts as incomplete, and the exit status says so (Documentation/design.md §6).
  case damage(String)

  var text: String {
    switch self {
    case .oddity(let text), .damage(let text): text
    }
  }
}

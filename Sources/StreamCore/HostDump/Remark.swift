/// Something in a dump that its reader did not expect, and that does not keep the dump from being read.
enum Remark: Sendable, Hashable {
  /// Odd, but all that is wanted of the dump is read: a field that another one overrules, notes in an unusual place.
  case oddity(String)
  /// Something is damaged, or is not read because of it: what comes out can lack pages, or what the host said of
  /// itself. The manifest counts as incomplete, and the exit status says so (Documentation/design.md §6).
  case damage(String)
  /// The dump's tail is missing.
  case missingTail(String)

  var text: String {
    switch self {
    case .oddity(let text), .damage(let text), .missingTail(let text): text
    }
  }

  /// What is wanted of the dump may be missing.
  var isLoss: Bool {
    switch self {
    case .oddity: false
    case .damage, .missingTail: true
    }
  }

  /// - Parameter fileSize: where the file ends, bytes.
  static func cut(_ fileSize: UInt64, _ what: String, to end: UInt64) -> Remark {
    .missingTail("the file is cut: it ends at byte \(fileSize), \(what) to byte \(end)")
  }

  /// The writer says so itself.
  static let markedIncomplete = Remark.missingTail(
    "the dump is marked incomplete: its writer ran out of room, and its tail is missing")
}

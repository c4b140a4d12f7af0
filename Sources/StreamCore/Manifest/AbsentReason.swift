/// Why a page that a guest's map has is not in its dump. Raw values are the manifest's.
/// Source: Documentation/design.md §1.
enum AbsentReason: String, Sendable, CaseIterable {
  case filtered
  case not_stored
  case lost
}

/// Why a page that a guest's map has is not in its dump. Raw values are the manifest's.
/// Source: Documentation/design.md §1.
enum AbsentReason: String, Sendable, CaseIterable {
  /// RAM that the dump has no page of, as its filter left it out.
  case filtered
  /// ELF: zero or filtered, which cannot be told.
  case not_stored
  /// The dump's tail is missing.
  case lost
  /// In the host's swap.
  case swapped
  /// The VMM has not been given the page yet: post-copy migration, or another of userfaultfd's.
  case userfault
  /// The host's memory failed there.
  case hwpoison
  /// In the memory of a device.
  case device_private
}

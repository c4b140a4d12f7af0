/// What the manifest and `list` say of the input.
struct HostDumpSummary: Sendable, Equatable {
  /// "kdump-compressed" or "elf".
  var format: String
  var headerVersion: Int?
  /// The codec that the header names; single pages may differ. `nil`: the format knows no codecs, all pages are raw.
  var codec: PageCodec?
  /// makedumpfile's `-d` level, where the format records it.
  var dumpLevel: Int?
  /// One past the highest frame that the dump describes.
  var frames: UInt64
  var storedPages: UInt64
  /// The writer ran out of space: the tail is missing.
  var incomplete: Bool
}

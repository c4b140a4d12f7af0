/// A format that guests are written in.
public struct GuestDumpFormat: Sendable {
  /// As `--format` and the manifest name it.
  public let name: String
  /// Without the dot.
  let fileExtension: String
  /// What pages may be stored as.
  let codecs: [PageCodec]
  /// It records a codec for each page; other formats hold raw pages.
  var storesAnyCodec: Bool { codecs.count > 1 }
  /// Creates the file, which has no name yet. `memory`: bytes for what the writer gathers.
  let open: Open
  typealias Open =
    @Sendable (
      GuestImage, _ name: String, _ place: OutputPlace, _ memory: Int
    ) throws(GuestDumpError) -> any GuestDumpWriter
}

/// The formats that are written. A format is added by a file and a line here; the first is the default.
public let guestDumpFormats: [GuestDumpFormat] = [KdumpWriter.format, ElfWriter.format]

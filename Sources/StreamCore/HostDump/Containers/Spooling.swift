/// How an input that must be unwrapped, or is a pipe, is taken into an unnamed file.
public struct Spooling: Sendable {
  /// Where the file goes, or the nearest directory above that is there; `nil`: TMPDIR, else /var/tmp.
  public var directory: String?
  /// Told before anything is written.
  public var notice: @Sendable (Notice) -> Void = { _ in }

  /// Bytes that the file may take; `nil`: what is free decides. Tests give others.
  var limit: UInt64?

  public init() {}

  public struct Notice: Sendable, Equatable {
    /// Path as the user gave it.
    public var file: String
    /// What it is: "gzip data", "a pipe".
    public var form: String
    public var directory: String
    public var size: UnwrappedSize
    /// Bytes that are free there.
    public var free: UInt64
  }

  /// The directory for the file, which is there.
  var place: String {
    var path = directory ?? ProcessSurroundings.variable("TMPDIR") ?? ""
    if path.isEmpty { path = "/var/tmp" }
    while !FileSystem.isDirectory(path), path != "/", path != "." { path = PathText.parent(of: path) ?? "." }
    return path
  }
}

/// How many bytes a wrapped file has, as far as it says so itself.
public enum UnwrappedSize: Sendable, Equatable {
  case atLeast(UInt64)
  case unknown
}
